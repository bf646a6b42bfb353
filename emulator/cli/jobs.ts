import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { statuses } from '../../core/lifecycle/states.ts';
import { type ClientOptions, call, client, query } from './client.ts';
import { CliError, exit } from './errors.ts';
import { print, printJson, printTable, show } from './output.ts';
import { duration, whole } from './values.ts';

type Options = ClientOptions & Record<string, string | undefined>;
type Job = Record<string, unknown> & { id: string; status: string };

/** `escapement jobs …` */
export function jobs(program: Command): void {
  const group = program.command('jobs').description('schedule, list, get, cancel and redrive jobs');
  add(group);
  list(group);
  get(group);
  const post = (options: Options, id: string, what: string, body?: object): Promise<Job> =>
    call(options, 'POST', `/v1/jobs/${encodeURIComponent(id)}/${what}`, body);
  client(group.command('cancel <id>'))
    .description('cancel a job')
    .action(async (id: string, options: Options) => show(options, await post(options, id, 'cancel')));
  client(group.command('redrive <id>'))
    .description('take a job out of the dead-letter queue')
    .requiredOption('--reason <text>', 'why; it goes to the log of the job')
    .action(async (id: string, options: Options) =>
      show(options, await post(options, id, 'redrive', { reason: options.reason })),
    );
}

const addExamples = `
Examples:
  $ escapement jobs add sleep '{ "ms": 200 }'
  $ escapement jobs add webhook @hook.json --delay 2h --json
  $ echo '{ "ms": 1 }' | escapement jobs add sleep -`;

function add(group: Command): void {
  client(group.command('add <task_type> [payload]'))
    .description('schedule a job and print its id; the payload is JSON, @FILE, or - for standard input')
    .option('--delay <duration>', 'run it no earlier than in this time', duration)
    .option('--at <time>', 'run it no earlier than at this time (RFC 3339)')
    .option('--priority <n>', 'higher runs first', whole)
    .option('--max-retries <n>', 'times it is tried again', whole)
    .option('--timeout <duration>', 'time it may run', duration)
    .option('--key <text>', 'idempotency key')
    .addHelpText('after', addExamples)
    .action(async (task_type: string, payload: string | undefined, options: Options) => {
      const job = await call(options, 'POST', '/v1/jobs', {
        task_type,
        payload: payloadOf(payload),
        delay_ms: options.delay,
        run_at: options.at,
        priority: options.priority,
        max_retries: options.maxRetries,
        timeout_ms: options.timeout,
        idempotency_key: options.key,
      });
      if (options.json) printJson(job);
      else print(job.id);
    });
}

function payloadOf(text = '{}'): unknown {
  try {
    if (text === '-') return JSON.parse(readFileSync(0, 'utf8'));
    return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text);
  } catch (error) {
    throw new CliError(exit.usage, `The payload cannot be read: ${(error as Error).message}`);
  }
}

const listExamples = `
Examples:
  $ escapement jobs list --status dlq
  $ escapement jobs list --json | jq -r '.items[].id'`;

function list(group: Command): void {
  client(group.command('list'))
    .description('list jobs, newest first')
    .option('--status <status>', 'pending, running, done, failed, dlq or cancelled')
    .option('--type <task_type>', 'of this task type')
    .option('--owner <id>', "somebody's; for admins")
    .option('--limit <n>', 'at most this many, up to 100')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .addHelpText('after', listExamples)
    .action(async (options: Options) => {
      const { status, type: task_type, owner: owner_id, limit, cursor } = options;
      const page = await call(options, 'GET', `/v1/jobs${query({ status, task_type, owner_id, limit, cursor })}`);
      if (options.json) return printJson(page);
      const columns = ['id', 'task_type', 'status', 'retries', 'run_at', 'error'];
      printTable(
        columns,
        page.items.map((job: Job) => columns.map((name) => short(job[name]))),
      );
      if (page.next_cursor) process.stderr.write(`more: --cursor ${page.next_cursor}\n`);
    });
}

const short = (value: unknown): unknown =>
  typeof value === 'string' && value.length > 60 ? `${value.slice(0, 59)}…` : value;

/** Time between two looks: soon at first, and then no more often than a fraction of the default rate limit lasts. */
const LOOK_MS = 250;
const MOST_LOOK_MS = 2000;
const getExamples = `
Examples:
  $ escapement jobs get 01a0… --wait
  $ escapement jobs get 01a0… --wait-for failed
  $ escapement jobs get 01a0… --json | jq .result`;

function get(group: Command): void {
  client(group.command('get <id>'))
    .description('show a job')
    .option('--wait', 'until it is done, cancelled or in the dead-letter queue; exit code 1 unless it is done')
    .option('--wait-for <status>', 'until it has this status, or has ended; exit code 1 unless it has this one', oneOf)
    .addHelpText('after', getExamples)
    .action(async (id: string, options: Options) => {
      const wanted = options.waitFor ?? (options.wait && 'done');
      const asked = { ...options, patient: wanted !== undefined };
      const read = (): Promise<Job> => call(asked, 'GET', `/v1/jobs/${encodeURIComponent(id)}`);
      let job = await read();
      let said = '';
      let look = LOOK_MS;
      while (wanted && ![wanted, 'done', 'cancelled', 'dlq'].includes(job.status)) {
        // It may take hours: whoever sits before it should know.
        if (process.stderr.isTTY && job.status !== said)
          process.stderr.write(job.status === 'running' ? 'running\n' : `${job.status}, due at ${job.run_at}\n`);
        said = job.status;
        await new Promise((resolve) => setTimeout(resolve, look));
        look = Math.min(MOST_LOOK_MS, look * 1.2);
        job = await read();
      }
      show(options, job);
      if (wanted && job.status !== wanted) process.exitCode = exit.failure;
    });
}

/** The name of a status. For commander. */
function oneOf(text: string): string {
  if (!(statuses as readonly string[]).includes(text))
    throw new InvalidArgumentError(`It is one of ${statuses.join(', ')}.`);
  return text;
}
