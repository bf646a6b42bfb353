import type { Context } from '../context.ts';
import { edge, step } from './edge.ts';

const expired = (condition: string): string => `jobs.seq IN (
  SELECT seq FROM jobs WHERE status = 'running' AND lease_until <= ?1 AND ${condition} ORDER BY lease_until LIMIT ?2)`;
const wasCancelled = 'cancel_requested_at IS NOT NULL';
const tooOften = `cancel_requested_at IS NULL AND interruptions >= ?3`;
const mayRunAgain = `cancel_requested_at IS NULL AND interruptions < ?3`;

// It names no worker: that would read as the worker's own outcome.
const CANCELLED = edge({
  event: 'cancelled',
  from: 'running',
  to: 'cancelled',
  where: expired(wasCancelled),
  worker: 'NULL',
  message: `'The lease expired while the job was to be cancelled.'`,
});

const KILLER = edge({
  event: 'reclaimed',
  from: 'running',
  to: 'dlq',
  level: 'error',
  where: expired(tooOften),
  set: `interruptions = interruptions + 1, error = 'Its worker stopped without an answer ' || (interruptions + 1) || ' times.'`,
  message: `'The lease expired once more than is allowed; the job may be killing its worker.'`,
});

const RECLAIMED = edge({
  event: 'reclaimed',
  from: 'running',
  to: 'pending',
  level: 'warn',
  where: expired(mayRunAgain),
  set: 'interruptions = interruptions + 1',
  message: `'The lease expired; the job will be run again.'`,
});

/** Takes back expired leases: to cancelled where that was asked, to the DLQ past MAX_INTERRUPTIONS, else to pending. */
export async function reclaim(ctx: Context, limit: number): Promise<number> {
  const terms = [ctx.now(), limit, ctx.settings.MAX_INTERRUPTIONS];
  const results = await ctx.db.batch([
    ...step(ctx.db, CANCELLED, ...terms),
    ...step(ctx.db, KILLER, ...terms),
    ...step(ctx.db, RECLAIMED, ...terms),
  ]);
  return results.reduce((sum, { results: rows }) => sum + rows.length, 0);
}
