import type { Context } from '../context.ts';

// Transitions after the mark, once for their owner and once for the sum over all owners (''). The log is read once:
// equal transitions are counted first, and what is counted is few.
const FOLD = `
  INSERT INTO job_counts (owner_id, task_type, status, n)
  WITH fresh AS MATERIALIZED (
    SELECT owner_id, task_type, from_status, to_status, count(*) AS n FROM logs, job_counts_mark
    WHERE logs.seq > through AND logs.seq <= through + ?1 GROUP BY 1, 2, 3, 4),
  change (owner_id, task_type, status, n) AS (
    SELECT owner_id, task_type, to_status, n FROM fresh WHERE to_status IS NOT NULL
    UNION ALL SELECT owner_id, task_type, from_status, -n FROM fresh WHERE from_status IS NOT NULL),
  summed AS (SELECT owner_id, task_type, status, sum(n) AS n FROM change GROUP BY 1, 2, 3)
  SELECT owner_id, task_type, status, n FROM summed WHERE n <> 0
  UNION ALL SELECT '', task_type, status, sum(n) FROM summed GROUP BY task_type, status HAVING sum(n) <> 0
  ON CONFLICT (owner_id, task_type, status) DO UPDATE SET n = n + excluded.n`;
const ADVANCE = `
  UPDATE job_counts_mark SET through = min(through + ?1, (SELECT max(seq) FROM logs))
  WHERE through < (SELECT max(seq) FROM logs) RETURNING through < (SELECT max(seq) FROM logs) AS more`;

/** Adds up to `limit` log rows to the counts of the report. Whether there may be more. */
export async function fold(ctx: Context, limit: number): Promise<boolean> {
  const [, advanced] = await ctx.db.batch([ctx.db.prepare(FOLD).bind(limit), ctx.db.prepare(ADVANCE).bind(limit)]);
  return advanced?.results[0]?.more === 1;
}
