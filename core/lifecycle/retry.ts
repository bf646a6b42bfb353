import type { Context } from '../context.ts';
import { edge, step } from './edge.ts';

const RETRY = edge({
  event: 'retried',
  from: 'failed',
  to: 'pending',
  where: `jobs.seq IN (
    SELECT seq FROM jobs INDEXED BY jobs_failed
    WHERE status = 'failed' AND run_at <= ?1 AND retries <= max_retries AND permanent = 0
    ORDER BY run_at LIMIT ?2)`,
});

/** Makes failed jobs pending again once their backoff is over. How many. */
export async function retry(ctx: Context, limit: number): Promise<number> {
  const [, updated] = await ctx.db.batch(step(ctx.db, RETRY, ctx.now(), limit));
  return updated?.results.length ?? 0;
}
