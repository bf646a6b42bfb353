import type { Context } from '../context.ts';
import { edge, step } from './edge.ts';

const BURY = edge({
  event: 'buried',
  from: 'failed',
  to: 'dlq',
  level: 'error',
  where: `jobs.seq IN (
    SELECT seq FROM jobs INDEXED BY jobs_failed
    WHERE status = 'failed' AND run_at <= ?1 AND (retries > max_retries OR permanent = 1)
    ORDER BY run_at LIMIT ?2)`,
  message: 'jobs.error',
});

/** Moves failed jobs that may not be retried to the dead-letter queue. How many. */
export async function bury(ctx: Context, limit: number): Promise<number> {
  const [, updated] = await ctx.db.batch(step(ctx.db, BURY, ctx.now(), limit));
  return updated?.results.length ?? 0;
}
