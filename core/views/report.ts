import type { Context } from '../context.ts';
import type { Statement } from '../database.ts';
import { JOB_COLUMNS, type Job, type JobRow, toJob } from '../lifecycle/job.ts';
import { type Status, statuses } from '../lifecycle/states.ts';
import { repeatable } from '../repeat.ts';

/** Counts of jobs by status and task type, totals, and the newest 100 jobs in the dead-letter queue. */
export interface Report {
  counts: Record<Status, Record<string, number>>;
  totals: Record<Status, number>;
  dlqItems: Job[];
}

// What was folded, plus the transitions since: exact in one snapshot, without counting jobs.
const COUNTS = `
  WITH recent AS (SELECT task_type, from_status, to_status FROM logs
    WHERE seq > (SELECT through FROM job_counts_mark) AND (?1 = '' OR owner_id = ?1))
  SELECT status, task_type, sum(n) AS n FROM (
    SELECT status, task_type, n FROM job_counts WHERE owner_id = ?1
    UNION ALL SELECT to_status, task_type, 1 FROM recent WHERE to_status IS NOT NULL
    UNION ALL SELECT from_status, task_type, -1 FROM recent WHERE from_status IS NOT NULL)
  GROUP BY status, task_type HAVING sum(n) <> 0 ORDER BY status, task_type`;
const BURIED = `SELECT ${JOB_COLUMNS} FROM jobs WHERE status = 'dlq' ORDER BY seq DESC LIMIT 100`;
const BURIED_OF = `SELECT ${JOB_COLUMNS} FROM jobs WHERE owner_id = ?1 AND status = 'dlq' ORDER BY seq DESC LIMIT 100`;

/** The report over one owner's jobs, or over all where `owner` is null. */
export async function report(ctx: Context, owner: string | null): Promise<Report> {
  const read = () =>
    ctx.db.batch<object>([
      selectCounts(ctx, owner),
      owner === null ? ctx.db.prepare(BURIED) : ctx.db.prepare(BURIED_OF).bind(owner),
    ]);
  const [counted, buried] = await repeatable(ctx, read);
  const dlqItems = ((buried?.results ?? []) as JobRow[]).map(toJob);
  return { ...countsOf(counted?.results ?? []), dlqItems };
}

/** The statement that counts one owner's jobs, or all where `owner` is null. */
export const selectCounts = (ctx: Context, owner: string | null): Statement => ctx.db.prepare(COUNTS).bind(owner ?? '');

/** The rows of `selectCounts` by status and task type, and by status. */
export function countsOf(rows: readonly object[]): Pick<Report, 'counts' | 'totals'> {
  const counts = Object.fromEntries(statuses.map((status) => [status, {}])) as Report['counts'];
  const totals = Object.fromEntries(statuses.map((status) => [status, 0])) as Report['totals'];
  for (const row of rows as readonly { status: Status; task_type: string; n: number }[]) {
    counts[row.status][row.task_type] = row.n;
    totals[row.status] += row.n;
  }
  return { counts, totals };
}
