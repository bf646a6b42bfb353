import * as z from 'zod/mini';
import { task } from '../task.ts';

/** Waits. The simplest task, and the one the benchmarks run with 0 ms. */
export default task({
  type: 'sleep',
  summary: 'Waits for `ms` milliseconds.',
  payload: z.strictObject({ ms: z.int().check(z.minimum(0), z.maximum(86_400_000)) }),
  example: { ms: 1000 },
  run: async ({ payload: { ms } }, ctx) => {
    if (ms > 0) await ctx.sleep(ms);
    return { slept_ms: ms };
  },
});
