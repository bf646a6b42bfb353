import type { Context } from '../context.ts';
import { LOG_COLUMNS } from './edge.ts';

const DAY_MS = 86_400_000;

// A job goes only when the report has counted all its transitions; ?1 is the oldest finish that is kept.
const OLD = `
  SELECT seq FROM jobs AS old WHERE status IN ('done', 'cancelled') AND finished_at < ?1 AND NOT EXISTS (
    SELECT 1 FROM logs WHERE job_seq = old.seq AND event <> 'pruned' AND seq > (SELECT through FROM job_counts_mark))
  ORDER BY finished_at LIMIT ?2`;
const NAME_THEM = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?3, 'info', 'pruned', seq, owner_id, task_type, lease_epoch, NULL, status, NULL, NULL, json_object('job_id', id)
  FROM jobs WHERE seq IN (${OLD})`;
const DROP_LOGS = `DELETE FROM logs WHERE job_seq IN (${OLD}) AND event <> 'pruned'`;
const DROP_JOBS = `DELETE FROM jobs WHERE seq IN (${OLD}) RETURNING seq`;

/** Deletes jobs that ended more than RETENTION_DAYS ago, and their log rows; one row that names each job stays. */
export async function prune(ctx: Context, limit: number): Promise<number> {
  const now = ctx.now();
  const cutoff = pruneBefore(ctx, now);
  const deleted = await ctx.db.batch([
    ctx.db.prepare(NAME_THEM).bind(cutoff, limit, now),
    ctx.db.prepare(DROP_LOGS).bind(cutoff, limit),
    ctx.db.prepare(DROP_JOBS).bind(cutoff, limit),
  ]);
  return deleted[2]?.results.length ?? 0;
}

/** Jobs that ended before this time may go; with RETENTION_DAYS = 0 none does. */
export const pruneBefore = (ctx: Context, now: number): number =>
  ctx.settings.RETENTION_DAYS === 0 ? 0 : now - ctx.settings.RETENTION_DAYS * DAY_MS;
