import type { Context } from '../../../core/context.ts';
import { contextOf } from '../../../core/context.ts';
import { digest } from '../../../core/ids.ts';
import { claim } from '../../../core/lifecycle/claim.ts';
import { settle } from '../../../core/lifecycle/settle.ts';
import { Built } from '../support/built.ts';
import { BUSY, fill, QUIET } from '../support/fill.ts';
import { type Row, row, type Scenario } from '../support/scenario.ts';

const SMALL = 10_000;
const REPEATS = 21;

/** What each question costs with few rows kept, and with very many that have nothing to do with it. */
export const depth: Scenario = {
  name: 'depth',
  title:
    'depth: one call, with 10 thousand rows kept and with very many: finished, due tomorrow at top priority, of others, failed, in the DLQ',
  async run({ root, deep, progress }) {
    const few = await costs(root, SMALL, progress);
    const rows: Row[] = [];
    for (const size of deep ? [1_000_000, 10_000_000] : [1_000_000]) {
      const many = await costs(root, size, progress);
      for (const [what, runs] of Object.entries(many)) rows.push(compared(what, size, few[what] ?? [], runs));
    }
    return rows;
  },
};

function compared(what: string, size: number, few: number[], many: number[]): Row {
  const small = row('', 'ms', few).value;
  const grown = row('', 'ms', many).value / small;
  const note = `${small.toFixed(2)} ms with ${SMALL.toLocaleString('en-US')}: ${grown.toFixed(2)}x`;
  const goal = what.startsWith('report') ? 10 : 1.3 * small;
  return row(`${what}, ${size.toLocaleString('en-US')} rows`, 'ms', many, { atMost: goal, note });
}

async function costs(root: string, size: number, progress: (text: string) => void): Promise<Record<string, number[]>> {
  progress(`filling a database with ${size.toLocaleString('en-US')} jobs`);
  const built = await Built.over(root);
  fill(built.db, size, Date.now());
  addUser(built, BUSY);
  addUser(built, QUIET);
  const ctx = contextOf(built.env);
  const found: Record<string, number[]> = { 'claim 50 due jobs': await claims(built, ctx) };
  for (const [what, ask] of Object.entries(questions(built))) {
    await ask();
    found[what] = await times(ask);
  }
  built.close();
  return found;
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
    'list, in the DLQ': list('?status=dlq'),
    'list, cancelled, of which there are 25 old ones': list('?status=cancelled'),
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

/** Claims jobs that have just come in, and gives them back; only the claim is timed. */
async function claims(built: Built, ctx: Context): Promise<number[]> {
  await built.enqueue(50);
  const found: number[] = [];
  for (let i = 0; i <= REPEATS; i++) {
    const start = performance.now();
    const jobs = await claim(ctx, 'w-bench', 50);
    if (i > 0) found.push(performance.now() - start);
    if (jobs.length !== 50) throw new Error(`${jobs.length} jobs were claimed, not 50.`);
    await settle(
      ctx,
      'w-bench',
      jobs.map((job) => ({ job, outcome: { kind: 'released', reason: 'measured' } })),
    );
  }
  await built.tick('process-batch');
  await built.tick('coordinate');
  return found;
}

async function times(work: () => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    await work();
    found.push(performance.now() - start);
  }
  return found;
}

/** A user whose id and token are both `id`. */
function addUser({ db }: Built, id: string): void {
  db.prepare("INSERT INTO users (id, name, role, token_hash, created_at) VALUES (?, ?, 'user', ?, 0)").run(
    id,
    id,
    digest(id),
  );
}
