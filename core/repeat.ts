import type { Context } from './context.ts';

const TRIES = 4;

// What D1 says of faults that pass (https://developers.cloudflare.com/d1/observability/debug-d1/), and libSQL's network.
const passing =
  /network connection lost|connection was lost|reset because|storage caused object to be reset|storage operation exceeded|internal error|fetch failed|ECONNRESET|ECONNREFUSED|SERVER_ERROR|timed? ?out/i;

/** Whether a fault of the database may be over when the same work is tried again. */
export const isPassing = (error: unknown): boolean => {
  const text = String(error instanceof Error ? error.message : error);
  return passing.test(text) && !/SQLITE_CONSTRAINT/.test(text);
};

/**
 * Does work again after a passing fault of the database, up to four times in all. Only for work that may be
 * repeated after it took effect unseen: reads, and writes whose second time changes nothing.
 */
export async function repeatable<Result>(ctx: Context, work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries >= TRIES || !isPassing(error)) throw error;
      ctx.log('warn', 'The database failed; trying again.', { tries, cause: String(error) });
      await ctx.sleep(Math.round(ctx.random() * 100 * 2 ** tries));
    }
  }
}
