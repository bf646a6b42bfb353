import type { Context, Env } from '../context.ts';
import type { TickCounts } from '../http/tick.ts';
import { anyAtWork, nextDue } from '../lifecycle/claim.ts';
import type { AnyTask } from '../task.ts';
import { wake } from '../wake.ts';
import type { Slots } from './hands.ts';
import { Worker } from './worker.ts';

interface Isolate {
  slots: Slots;
  current?: Worker | undefined;
}

// A courtesy between invocations that share a process: one worker runs, the others nudge it. Correctness does not
// need it: where each invocation has a process, or an env, of its own, they simply work side by side.
const isolates = new WeakMap<Env, Isolate>();

const nothing = { claimed: 0, done: 0, failed: 0, released: 0, cancelled: 0, stale: 0 };

/** Runs due jobs until nothing is due or the tick's time is spent. `joined` is 1 where a worker was at it already. */
export async function processBatch(ctx: Context, tasks: readonly AnyTask[]): Promise<TickCounts> {
  const isolate = isolates.get(ctx.env) ?? { slots: { used: 0 } };
  isolates.set(ctx.env, isolate);
  if (isolate.current?.open) {
    isolate.current.nudge();
    return { ...nothing, joined: 1 };
  }
  // A read first: an idle tick should not take the write lock.
  const next = await nextDue(ctx);
  if (next === null || next > ctx.now()) return { ...nothing, joined: 0, ...(next !== null && { next_at: next }) };
  const worker = new Worker(ctx, new Map(tasks.map((task) => [task.type, task])), isolate.slots);
  isolate.current = worker;
  try {
    await worker.work();
  } finally {
    if (isolate.current === worker) isolate.current = undefined;
  }
  return { ...worker.counts, joined: 0, ...(await lookAhead(ctx, worker)) };
}

/**
 * Says when the next job falls due. Where this one ran out of time with jobs left it wakes the next invocation, or
 * (where ticks linger) goes on itself, unless another worker is at it: that one looks again when it ends.
 */
async function lookAhead(ctx: Context, worker: Worker): Promise<{ next_at?: number }> {
  const lingers = ctx.settings.TICK_LINGER_MS > 0;
  // What it had to give back would not end in another short call either: the cron's has more time.
  if (ctx.env.STOPPING?.aborted && (!lingers || worker.counts.released > 0)) return {};
  const next = await nextDue(ctx);
  if (next === null) return {};
  const left = worker.hungry || next <= ctx.now();
  if (lingers) return left && (await anyAtWork(ctx)) ? {} : { next_at: next };
  if (worker.counts.claimed > 0 && left) wake(ctx);
  return { next_at: next };
}
