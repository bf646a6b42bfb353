import type { Command } from 'commander';
import { type ClientOptions, call, client } from './client.ts';
import { CliError, exit } from './errors.ts';
import { print, printJson, printTable, show } from './output.ts';
import { duration, whole } from './values.ts';

type Item = Record<string, unknown>;

const binExamples = `
Examples:
  $ escapement bins set shop --status 503 --retry-after 2h
  $ escapement jobs add webhook '{ "url": "http://127.0.0.1:8000/__emulator/bin/shop" }'
  $ escapement bins show shop`;
const requestExamples = `
Examples:
  $ escapement requests list
  $ escapement requests replay 7 --body '{ "task_type": "sleep", "payload": { "ms": 1 } }'`;

/** `escapement mailbox …`, `bins …` and `requests …`: what came in and went out of a system under `escapement dev`. */
export function inbox(program: Command): void {
  const mails = program.command('mailbox').description('the mails that sendEmail sent in a system under dev');
  list(mails, 'mailbox', ['id', 'at', 'to', 'subject']);
  client(mails.command('show <id>'))
    .description('one mail, whole')
    .action(async (id: string, options: ClientOptions) =>
      show(options, await call(options, 'GET', `/__emulator/mailbox/${encodeURIComponent(id)}`)),
    );
  client(mails.command('clear'))
    .description('throw them away')
    .action(async (options: ClientOptions) => {
      const answer = await call(options, 'DELETE', '/__emulator/mailbox');
      if (options.json) printJson(answer);
    });
  bins(program.command('bins').description('receivers for webhooks in a system under dev'));
  requests(program.command('requests').description('the newest requests to a system under dev'));
}

interface Answer extends ClientOptions {
  status: number;
  delay?: number;
  retryAfter?: number;
  body?: string;
}

function bins(group: Command): void {
  group.addHelpText('after', binExamples);
  list(group, 'bins', ['name', 'url', 'status', 'delay_ms', 'requests']);
  client(group.command('set <name>'))
    .description('say what a bin answers, and print its address')
    .option('--status <n>', 'its status', whole, 200)
    .option('--delay <duration>', 'the time it takes', duration)
    .option('--retry-after <duration>', 'when to try again, in its Retry-After', duration)
    .option('--body <text>', 'its body')
    .action(async (name: string, { status, delay, retryAfter, body, ...options }: Answer) => {
      const headers = retryAfter === undefined ? undefined : { 'retry-after': String(Math.ceil(retryAfter / 1000)) };
      const answer = { status, delay_ms: delay, headers, body };
      const bin = await call(options, 'PUT', `/__emulator/bins/${encodeURIComponent(name)}`, answer);
      if (options.json) printJson(bin);
      else print(bin.url);
    });
  client(group.command('show <name>'))
    .description('what it was sent, newest first')
    .action(async (name: string, options: ClientOptions) => {
      const answer = await call(options, 'GET', `/__emulator/bins/${encodeURIComponent(name)}/requests`);
      tell(options, answer, ['at', 'method', 'path', 'body']);
    });
}

function requests(group: Command): void {
  group.addHelpText('after', requestExamples);
  list(group, 'requests', ['id', 'at', 'method', 'path', 'status', 'ms']);
  client(group.command('replay <id>'))
    .description('send one again; prints the answer')
    .option('--body <json>', 'with another body')
    .action(async (id: string, { body, ...options }: ClientOptions & { body?: string }) => {
      const change = body === undefined ? {} : { body: parsed(body) };
      show(options, await call(options, 'POST', `/__emulator/requests/${encodeURIComponent(id)}/replay`, change));
    });
}

function list(group: Command, path: string, columns: string[]): void {
  client(group.command('list'))
    .description('list them, newest first')
    .action(async (options: ClientOptions) =>
      tell(options, await call(options, 'GET', `/__emulator/${path}`), columns),
    );
}

function tell(options: ClientOptions, answer: { items: Item[] }, columns: string[]): void {
  const rows = answer.items.map((item) => columns.map((name) => item[name]));
  if (options.json) printJson(answer);
  else printTable(columns, rows);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(exit.usage, `The body is not JSON: ${(error as Error).message}`);
  }
}
