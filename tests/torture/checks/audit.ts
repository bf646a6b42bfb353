import Sqlite from 'better-sqlite3';
import type { JobRow } from '../../../core/lifecycle/job.ts';
import { breaches } from '../../support/invariants.ts';
import type { Hooks } from '../people/hooks.ts';
import type { Ledger, Order } from '../people/ledger.ts';
import { timeBreaches } from './times.ts';

/** What a finished database came to, held against what people were told. */
export interface Audit {
  jobs: Record<string, number>;
  lost: number;
  doubled: number;
  /** Runs of webhooks that the receiver saw and whose outcome was never recorded: the price of a crash. */
  reruns: number;
  events: Record<string, number>;
  integrity: string;
  problems: string[];
}

const DOUBLED = `SELECT count(*) FROM (
  SELECT job_seq, epoch FROM logs WHERE from_status = 'running' GROUP BY job_seq, epoch HAVING count(*) > 1
  UNION SELECT job_seq, max(epoch) FROM logs WHERE event = 'done' GROUP BY job_seq HAVING count(*) > 1)`;
const COUNTS = 'SELECT event, count(*) AS n FROM logs GROUP BY event';
const PRUNED = "SELECT data ->> 'job_id' FROM logs WHERE event = 'pruned'";
const RECORDED = `SELECT id, count(*) AS n FROM logs JOIN jobs ON jobs.seq = job_seq
  WHERE event IN ('done', 'failed') GROUP BY job_seq`;

/** Reads the whole database at `file`, which nobody writes to any more, and accounts for every order. `longest` is BACKOFF_MAX_MS. */
export function audit(file: string, ledger: Ledger, longest: number, hooks?: Hooks): Audit {
  const db = new Sqlite(file, { readonly: true });
  try {
    const integrity = integrityOf(db);
    const rows = new Map((db.prepare('SELECT * FROM jobs').all() as JobRow[]).map((row) => [row.id, row]));
    const pruned = new Set(db.prepare(PRUNED).pluck().all());
    const lost = [...ledger.acknowledged.keys()].filter((id) => !rows.has(id) && !pruned.has(id));
    const doubled = db.prepare(DOUBLED).pluck().get() as number;
    const recorded = new Map((db.prepare(RECORDED).all() as { id: string; n: number }[]).map(({ id, n }) => [id, n]));
    const problems = [
      ...(integrity === 'ok' ? [] : [`integrity_check says ${integrity}`]),
      ...lost.map((id) => `job ${id} was acknowledged, and is not there`),
      ...(doubled > 0 ? [`${doubled} outcomes are doubled`] : []),
      ...breaches(db),
      ...timeBreaches(db, longest),
      ...strangers([...rows.values()], ledger),
      ...halfBatches([...rows.values()], ledger),
      ...[...rows.values()].flatMap((row) => misfits(row, ledger.orders.get(Number(row.timeout_ms)), hooks)),
    ];
    const jobs: Record<string, number> = {};
    for (const { status } of rows.values()) jobs[status] = (jobs[status] ?? 0) + 1;
    const events = Object.fromEntries(
      (db.prepare(COUNTS).all() as { event: string; n: number }[]).map(({ event, n }) => [event, n]),
    );
    return {
      jobs,
      lost: lost.length,
      doubled,
      reruns: rerunsOf(rows, recorded, ledger, hooks),
      events,
      integrity,
      problems,
    };
  } finally {
    db.close();
  }
}

/** What SQLite says of the file: `ok`, or the first of what is wrong. */
export function integrityOf(db: Sqlite.Database): string {
  try {
    const orphans = db.pragma('foreign_key_check') as unknown[];
    return orphans.length > 0
      ? 'rows without their parents'
      : (db.pragma('integrity_check', { simple: true }) as string);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Jobs that nobody asked for, and requests that became two jobs. */
function strangers(rows: JobRow[], ledger: Ledger): string[] {
  const found: string[] = [];
  const markers = new Set<number>();
  for (const { id, timeout_ms } of rows) {
    const marker = Number(timeout_ms);
    if (!ledger.orders.has(marker)) found.push(`job ${id} was never asked for`);
    if (markers.has(marker)) found.push(`job ${id} is a second one of order ${marker}`);
    markers.add(marker);
  }
  return found;
}

/** Batches of which a part is there. */
function halfBatches(rows: JobRow[], ledger: Ledger): string[] {
  const there = new Set(rows.map(({ timeout_ms }) => Number(timeout_ms)));
  return [...ledger.orders.values()]
    .filter(({ marker, together }) => there.has(marker) && together.some((other) => !there.has(other.marker)))
    .map(({ marker }) => `order ${marker} is there, and others of its batch are not`);
}

/** Where a job is not what was asked for, or did not come to what it had to. */
function misfits(row: JobRow, order: Order | undefined, hooks: Hooks | undefined): string[] {
  if (!order) return [];
  const { body, owner, ends, cancel } = order;
  const found: string[] = [];
  const expect = (well: boolean, what: string) => well || found.push(`job ${row.id} (${row.status}) ${what}`);
  expect(order.id === undefined || order.id === row.id, `was answered as ${order.id}`);
  expect(row.owner_id === owner, `belongs to ${row.owner_id}, not ${owner}`);
  expect(row.task_type === body.task_type, `is a ${row.task_type}, not a ${body.task_type}`);
  expect(row.payload === JSON.stringify(body.payload), `has another payload: ${row.payload}`);
  expect(row.idempotency_key === (body.idempotency_key ?? null), `has the key ${row.idempotency_key}`);
  if (cancel === 'accepted') expect(row.status === 'cancelled', 'was cancelled before everybody’s eyes');
  else if (row.status === 'cancelled') expect(cancel === 'asked', 'was cancelled by nobody');
  else expect(row.status === ends, `had to end as ${ends}: ${row.error}`);
  if (row.status === 'done') expect(isResult(row, order, hooks), `has the result ${row.result}`);
  return found;
}

/** Whether a result is one that a run of this order gave. */
function isResult({ id, result }: JobRow, { body }: Order, hooks: Hooks | undefined): boolean {
  const value = JSON.parse(result as string);
  const { ms, input, url } = body.payload as { ms?: number; input?: { number: number }; url?: string };
  if (ms !== undefined) return value.slept_ms === ms;
  if (input !== undefined) return value === input.number;
  const calls = hooks?.calls.get(numberIn(url));
  const run = Number(/^run (\d+)$/.exec(value.body)?.[1]);
  return calls !== undefined && run >= 1 && run <= calls.runs && [...calls.ids].join() === id;
}

const numberIn = (url = ''): string => url.replace(/^.*\//, '');

function rerunsOf(
  rows: Map<string, JobRow>,
  recorded: Map<string, number>,
  { acknowledged }: Ledger,
  hooks?: Hooks,
): number {
  let reruns = 0;
  for (const [id, { body }] of acknowledged) {
    const calls = hooks?.calls.get(numberIn((body.payload as { url?: string }).url));
    if (calls && rows.has(id)) reruns += Math.max(0, calls.runs - (recorded.get(id) ?? 0));
  }
  return reruns;
}
