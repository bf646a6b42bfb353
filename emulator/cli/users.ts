import type { Command } from 'commander';
import { type ClientOptions, call, client, query } from './client.ts';
import { printJson, printTable, show } from './output.ts';

type Options = ClientOptions & Record<string, string | undefined>;

const examples = `
Examples:
  $ escapement users add ada
  $ escapement users add ops --role admin --json | jq -r .token`;

/** `escapement users …` */
export function users(program: Command): void {
  const group = program.command('users').description('add, list and disable users; for admins');
  client(group.command('add <name>'))
    .description('add a user; the token is shown now and never again')
    .option('--role <role>', 'admin or user', 'user')
    .addHelpText('after', examples)
    .action(async (name: string, options: Options) =>
      show(options, await call(options, 'POST', '/v1/users', { name, role: options.role })),
    );
  client(group.command('list'))
    .description('list users, newest first')
    .option('--limit <n>', 'at most this many, up to 100')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .action(async (options: Options) => {
      const { limit, cursor } = options;
      const page = await call(options, 'GET', `/v1/users${query({ limit, cursor })}`);
      if (options.json) return printJson(page);
      const columns = ['id', 'name', 'role', 'created_at', 'disabled_at'];
      printTable(
        columns,
        page.items.map((user: Record<string, unknown>) => columns.map((name) => user[name])),
      );
      if (page.next_cursor) process.stderr.write(`more: --cursor ${page.next_cursor}\n`);
    });
  client(group.command('disable <id>'))
    .description('disable a user at once')
    .action(async (id: string, options: Options) =>
      show(options, await call(options, 'POST', `/v1/users/${encodeURIComponent(id)}/disable`)),
    );
}
