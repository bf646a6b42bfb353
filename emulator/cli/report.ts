import type { Command } from 'commander';
import { type ClientOptions, call, client } from './client.ts';
import { printJson, printTable } from './output.ts';

const examples = `
Examples:
  $ escapement report
  $ escapement report --json | jq .totals.dlq`;

/** `escapement report` */
export function report(program: Command): void {
  client(program.command('report'))
    .description('count jobs by status and task type')
    .addHelpText('after', examples)
    .action(async (options: ClientOptions) => {
      const answer = await call(options, 'GET', '/v1/jobs/report');
      if (options.json) return printJson(answer);
      const rows = Object.entries(answer.counts as Record<string, Record<string, number>>).flatMap(([status, types]) =>
        Object.entries(types).map(([type, n]) => [status, type, n]),
      );
      printTable(['status', 'task_type', 'n'], rows);
    });
}
