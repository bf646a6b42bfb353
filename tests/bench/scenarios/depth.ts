import { type Context, contextOf } from '../../../core/context.ts';
import { digest } from '../../../core/ids.ts';
import { claim } from '../../../core/lifecycle/claim.ts';
import { settle } from '../../../core/lifecycle/settle.ts';
import { Built } from '../support/built.ts';
import { BUSY, fill, QUIET } from '../support/fill.ts';
import { interleave, type Row, row, type Scenario } from '../support/scenario.ts';
import { median } from '../support/stats.ts';

const SMALL = 10_000;
const DUE = 50;
const REPEATS = 21;
const CLAIM = `claim ${DUE} due jobs`;
const TICKS = ['process-batch', 'coordinate'];
/** For what walks a bounded number of rows, and for the report: not a ratio, but a time. */
const BOUNDED_MS = 10;

/** What each question costs with few rows kept, and with very many that have nothing to do with it. */
export const depth: Scenario = {
  name: 'depth',
  title:
    'depth: one call, with few rows kept and with very many: finished, due tomorrow at top priority, of others, failed, in the DLQ',
  async run({ root, deep, progress }) {
    const rows: Row[] = [];
    for (const size of deep ? [1_000_000, 10_000_000] : [1_000_000]) {
      progress(`filling databases with ${SMALL.toLocaleString('en-US')} and ${size.toLocaleString('en-US')} jobs`);
      const few = await filled(root, SMALL);
      const many = await filled(root, size);
      for (const what of Object.keys(few.costs)) rows.push(await compared(what, size, few, many));
      few.built.close();
      many.built.close();
    }
    return rows;
  },
};

/** A filled database, and for each question how to ask it once; milliseconds. */
interface Filled {
  built: Built;
  costs: Record<string, () => Promise<number>>;
}

async function filled(root: string, size: number): Promise<Filled> {
  const built = await Built.over(root);
  fill(built.db, size, Date.now());
  addUser(built, BUSY);
  addUser(built, QUIET);
  await built.enqueue(DUE);
  const asked = Object.entries(questions(built)).map(([what, ask]) => [what, () => timed(ask)]);
  return { built, costs: { [CLAIM]: () => claimed(contextOf(built.env)), ...Object.fromEntries(asked) } };
}

/** Asks in turn, few and many, so that a busy moment falls on both; the first time does not count. */
async function compared(what: string, size: number, few: Filled, many: Filled): Promise<Row> {
  const ask = (of: Filled) => of.costs[what] as () => Promise<number>;
  const runs = await interleave(REPEATS + 1, { few: ask(few), many: ask(many) });
  // What was due for the claims is done with: the ticks are to find nothing.
  if (what === CLAIM) for (const { built } of [few, many]) for (const name of TICKS) await built.tick(name);
  const small = median((runs.few ?? []).slice(1));
  const values = (runs.many ?? []).slice(1);
  const note = `${small.toFixed(2)} ms with ${SMALL.toLocaleString('en-US')}: ${(median(values) / small).toFixed(2)}x`;
  const atMost = /^report|nobody|never/.test(what) ? BOUNDED_MS : 1.3 * small;
  return row(`${what}, ${size.toLocaleString('en-US')} rows`, 'ms', values, { atMost, note });
}

/** What is asked of the built functions; the ticks have nothing to do. */
function questions(built: Built): Record<string, () => Promise<unknown>> {
  const some = built.db.prepare("SELECT id FROM jobs WHERE status = 'dlq' LIMIT 1").pluck().get() as string;
  const list = (query: string, token?: string) => () => built.call('list-jobs', `/v1/jobs${query}`, undefined, token);
  const logs = (query: string, token?: string) => () => built.call('list-logs', `/v1/logs${query}`, undefined, token);
  const report = (token?: string) => () => built.call('report-jobs', '/v1/jobs/report', undefined, token);
  return {
    'process-batch, nothing due': () => built.tick('process-batch'),
    'coordinate, nothing due': () => built.tick('coordinate'),
    'list, all': list(''),
    'list, in the DLQ, where 100 old ones are': list('?status=dlq'),
    'list, cancelled, which 25 old ones are': list('?status=cancelled'),
    'list, due': list('?status=pending'),
    'list, of an owner with 50 old jobs': list('', QUIET),
    'list, failed of a busy owner': list('?status=failed', BUSY),
    'list, a type nobody uses': list('?task_type=nothing'),
    'report, all': report(),
    'report, of a busy owner': report(BUSY),
    'logs, of one job': logs(`?job_id=${some}`),
    'logs, of an owner with 50 old jobs': logs('', QUIET),
    'logs, errors': logs('?level=error'),
    'logs, an event that never was': logs('?event=nothing'),
  };
}

/** Claims the jobs that are due, and gives them back; only the claim is timed. */
async function claimed(ctx: Context): Promise<number> {
  const start = performance.now();
  const jobs = await claim(ctx, 'w-bench', DUE, []);
  const took = performance.now() - start;
  if (jobs.length !== DUE) throw new Error(`${jobs.length} jobs were claimed, not ${DUE}.`);
  const outcome = { kind: 'released', reason: 'measured' } as const;
  await settle(
    ctx,
    'w-bench',
    jobs.map((job) => ({ job, outcome })),
  );
  return took;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A user whose id and token are both `id`. */
function addUser({ db }: Built, id: string): void {
  db.prepare("INSERT INTO users (id, name, role, token_hash, created_at) VALUES (?, ?, 'user', ?, 0)").run(
    id,
    id,
    digest(id),
  );
}
