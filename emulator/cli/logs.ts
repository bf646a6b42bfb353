import type { Command } from 'commander';
import { type ClientOptions, call, client, query } from './client.ts';
import { print, printJson, printTable } from './output.ts';

type Options = ClientOptions & Record<string, string | undefined>;
type Line = Record<string, unknown>;

/** Half of what the default rate limit refills, so that the other half is left for whoever watches. */
const LOOK_MS = 2000;
const MAX_PAGES = 50;
const columns = ['at', 'level', 'event', 'task_type', 'job_id', 'message'];
const examples = `
Examples:
  $ escapement logs --job 01a0…
  $ escapement logs --follow --level error --json`;

/** `escapement logs` */
export function logs(program: Command): void {
  client(program.command('logs'))
    .description('show the log, oldest line first')
    .option('--job <id>', 'of this job')
    .option('--level <level>', 'debug, info, warn or error')
    .option('--event <event>', 'scheduled, claimed, done, failed, buried, …')
    .option('--limit <n>', 'the newest lines, up to 100')
    .option('--follow', 'and every line that comes, until Ctrl-C')
    .addHelpText('after', examples)
    .action(async (options: Options) => {
      let known = await page(options);
      tell(options, known.items);
      while (options.follow) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        const next = await page(options);
        tell(options, await newIn(options, next, known.items));
        known = next;
      }
    });
}

interface Page {
  items: Line[];
  next_cursor: string | null;
}

function page(options: Options, cursor?: string): Promise<Page> {
  const { job: job_id, level, event } = options;
  const limit = options.limit ?? (options.follow ? '100' : undefined);
  return call(
    { ...options, patient: Boolean(options.follow) },
    'GET',
    `/v1/logs${query({ job_id, level, event, limit, cursor })}`,
  );
}

/** What was not there before, newest first. Lines have no number: the newest that was there is known by its text. */
async function newIn(options: Options, first: Page, [newest]: readonly Line[]): Promise<Line[]> {
  const known = JSON.stringify(newest);
  const fresh: Line[] = [];
  let { items, next_cursor } = first;
  for (let pages = 0; ; pages++) {
    for (const line of items) {
      if (JSON.stringify(line) === known) return fresh;
      fresh.push(line);
    }
    if (!next_cursor || pages > MAX_PAGES) return fresh;
    ({ items, next_cursor } = await page(options, next_cursor));
  }
}

/** One JSON object a line where it goes on, so that it can be read as it comes. */
function tell(options: Options, newestFirst: readonly Line[]): void {
  const lines = newestFirst.toReversed();
  if (options.json && options.follow) for (const line of lines) print(JSON.stringify(line));
  else if (options.json) printJson(lines);
  else if (lines.length > 0)
    printTable(
      columns,
      lines.map((line) => columns.map((name) => line[name])),
    );
}
