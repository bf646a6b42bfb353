import type { Context } from '../context.ts';
import { edge, LOG_COLUMNS, step } from './edge.ts';
import { JOB_COLUMNS, type JobRow } from './job.ts';

const MINE = 'jobs.id = ?2 AND (?3 IS NULL OR jobs.owner_id = ?3)';

const AT_ONCE = edge({
  event: 'cancelled',
  from: ['pending', 'failed', 'dlq'],
  to: 'cancelled',
  where: MINE,
  data: `json_object('actor', ?4)`,
});

// A running job is only marked: its worker sees the mark, aborts the handler and settles it as cancelled.
const MARKABLE = `${MINE} AND jobs.status = 'running' AND jobs.cancel_requested_at IS NULL`;
const MARK_LOG = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?1, 'info', 'cancel_requested', seq, owner_id, task_type, lease_epoch, lease_worker, NULL, NULL, NULL,
         json_object('actor', ?4)
  FROM jobs WHERE ${MARKABLE}`;
const MARK = `UPDATE jobs SET cancel_requested_at = ?1 WHERE ${MARKABLE}`;
const READ = `SELECT ${JOB_COLUMNS} FROM jobs WHERE id = ?1 AND (?2 IS NULL OR owner_id = ?2)`;

/**
 * Cancels a job within `scope` (an owner, or null for all): at once, or by asking its worker. `accepted` is false
 * when the job was finished already; `job` is null when there is none in that scope.
 */
export async function cancel(
  ctx: Context,
  id: string,
  scope: string | null,
  actor: string,
): Promise<{ job: JobRow | null; accepted: boolean }> {
  const now = ctx.now();
  const [, cancelled, , , read] = await ctx.db.batch<JobRow>([
    ...step(ctx.db, AT_ONCE, now, id, scope, actor),
    ctx.db.prepare(MARK_LOG).bind(now, id, scope, actor),
    ctx.db.prepare(MARK).bind(now, id, scope),
    ctx.db.prepare(READ).bind(id, scope),
  ]);
  const job = read?.results[0] ?? null;
  return { job, accepted: cancelled?.results.length === 1 || job?.status === 'running' };
}
