import type { Fetcher } from '../../../core/context.ts';
import type { Host } from './host.ts';
import type { World } from './world.ts';

export const goodActs = ['return', 'work', 'log'] as const;
export const badActs = [
  'throw',
  'throw what has no text',
  'throw what cannot be stored',
  'throw PermanentError',
  'throw RetryAfter',
  'throw RetryLater',
  'return a bigint',
  'return a circle',
  'return a function',
  'hang',
  'never end',
] as const;
export type Act = (typeof goodActs)[number] | (typeof badActs)[number] | 'exit';

/** What one run of a handler is to do. `run` is its number, which its result carries. */
export interface Doing {
  act: Act;
  run: number;
  ms: number;
}

/** A run of a handler that has begun. */
export interface HandlerRun {
  id: string;
  worker: string;
}

/** The way out of a host, which decides what handlers do: the nth run of a job does the nth of its acts, then the last. */
export const outside = (world: World, host: Host): Fetcher => ({
  async fetch(_, init) {
    const { id, worker, acts } = JSON.parse(String(init?.body)) as HandlerRun & { acts: Act[] };
    const before = world.observer.runs.filter((run) => run.id === id).length;
    const doing: Doing = {
      act: acts[Math.min(before, acts.length - 1)] as Act,
      run: world.observer.began({ id, worker }),
      ms: world.chance.handlers.pick([0, 5, 50, 300]),
    };
    const { act } = doing;
    if ((badActs as readonly string[]).includes(act)) world.faults.counts.handler += 1;
    await world.points.park(host, 'handler', act === 'hang' ? world.time + 5000 : 0);
    if (act === 'exit') {
      world.faults.counts.exit += 1;
      return world.kill(host);
    }
    return act === 'never end' ? new Promise(() => {}) : (doing as unknown as Response);
  },
});
