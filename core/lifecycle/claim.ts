import type { Context } from '../context.ts';
import { repeatable } from '../repeat.ts';
import { edge, step } from './edge.ts';
import type { Lease } from './heartbeat.ts';

/** A job under lease: what a worker needs to run it, and the epoch that fences all it writes. */
export interface Claimed {
  seq: number;
  id: string;
  owner_id: string;
  task_type: string;
  payload: string;
  priority: number;
  retries: number;
  max_retries: number;
  run_at: number;
  timeout_ms: number | null;
  lease_epoch: number;
}

const CLAIMED_COLUMNS =
  'seq, id, owner_id, task_type, payload, priority, retries, max_retries, run_at, timeout_ms, lease_epoch';

// Highest priority first, then run_at, then insertion: the order in which the loops go, down the priorities in use and
// for each along its part of the index. Written out as ORDER BY it would be sorted, and all that is due read for it. A
// priority costs one seek, so jobs of a high one that are not due yet cost nothing.
export const DUE = `
  WITH RECURSIVE level (priority) AS NOT MATERIALIZED (
    SELECT max(priority) FROM jobs WHERE status = 'pending'
    UNION ALL
    SELECT (SELECT max(priority) FROM jobs WHERE status = 'pending' AND priority < level.priority)
    FROM level WHERE level.priority IS NOT NULL)
  SELECT due.seq FROM level CROSS JOIN jobs AS due INDEXED BY jobs_due
  WHERE due.status = 'pending' AND due.priority = level.priority AND due.run_at <= ?1 LIMIT ?2`;

const CLAIM = edge({
  event: 'claimed',
  from: 'pending',
  to: 'running',
  where: `jobs.seq IN (${DUE})`,
  set: 'lease_epoch = lease_epoch + 1, lease_worker = ?3, lease_until = ?1 + ?4, started_at = ?1',
  epoch: 'jobs.lease_epoch + 1',
  worker: '?3',
  returning: null,
});

// What the claim leased, without a second search: its leases all end at one time. RETURNING eleven columns costs more:
// SQLite keeps them in a table of their own until the last row is written. Another lease of this worker may end at that
// time, too.
const LEASED = `
  SELECT ${CLAIMED_COLUMNS} FROM jobs WHERE status = 'running' AND lease_until = ?1 AND lease_worker = ?2`;

/** Whether this statement is the one that leases jobs. */
export const isClaim = (sql: string): boolean => sql.startsWith("UPDATE jobs SET status = 'running'");

const HELD = `SELECT ${CLAIMED_COLUMNS} FROM jobs WHERE status = 'running' AND lease_worker = ?1`;

/**
 * Leases up to `limit` due jobs to `worker`, in the order in which they should run. `held` are the leases it has
 * already: where the answer to a claim was lost, what it leased is found by the worker's name, which is its alone.
 */
export async function claim(ctx: Context, worker: string, limit: number, held: readonly Lease[]): Promise<Claimed[]> {
  const inHand = new Map(held.map(({ seq, lease_epoch }) => [seq, lease_epoch]));
  const isNew = ({ seq, lease_epoch }: Lease): boolean => inHand.get(seq) !== lease_epoch;
  let unsure = false;
  return repeatable(ctx, async () => {
    const found = unsure ? (await ctx.db.prepare(HELD).bind(worker).all<Claimed>()).results.filter(isNew) : [];
    unsure = true;
    return inOrder(found.length > 0 ? found : (await claimOnce(ctx, worker, limit)).filter(isNew));
  });
}

async function claimOnce({ db, now, settings }: Context, worker: string, limit: number): Promise<Claimed[]> {
  const time = now();
  const [, , leased] = await db.batch<Claimed>([
    ...step(db, CLAIM, time, limit, worker, settings.LEASE_MS),
    db.prepare(LEASED).bind(time + settings.LEASE_MS, worker),
  ]);
  return leased?.results ?? [];
}

const inOrder = (rows: Claimed[]): Claimed[] =>
  rows.sort((a, b) => b.priority - a.priority || a.run_at - b.run_at || a.seq - b.seq);

const NEXT_DUE = `
  WITH RECURSIVE level (priority) AS (
    SELECT max(priority) FROM jobs WHERE status = 'pending'
    UNION ALL
    SELECT (SELECT max(priority) FROM jobs WHERE status = 'pending' AND priority < level.priority)
    FROM level WHERE level.priority IS NOT NULL)
  SELECT min((SELECT min(run_at) FROM jobs WHERE status = 'pending' AND priority = level.priority)) AS run_at FROM level`;

/** When the next pending job falls due, in milliseconds since 1970; it may be past. Null when none waits. */
export async function nextDue(ctx: Context): Promise<number | null> {
  const row = await ctx.db.prepare(NEXT_DUE).first<{ run_at: number | null }>();
  return row?.run_at ?? null;
}

const AT_WORK = "SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'running' AND lease_until > ?1) AS any";

/** Whether any worker holds a lease that has not expired. */
export async function anyAtWork(ctx: Context): Promise<boolean> {
  const row = await ctx.db.prepare(AT_WORK).bind(ctx.now()).first<{ any: 0 | 1 }>();
  return row?.any === 1;
}
