import { setTimeout as pause } from 'node:timers/promises';

/**
 * Adds jobs at a steady rate, whatever the queue makes of them, and waits until all have begun. `add(key)` enqueues;
 * the handler calls `begun(key)` first of all. Milliseconds from the end of each add to the start of its handler.
 * @param {number} rate
 * @param {number} seconds
 * @param {(key: number) => Promise<unknown>} add
 */
export function pacer(rate, seconds, add) {
  const added = new Map();
  const started = new Map();
  return {
    begun: (key) => started.set(key, performance.now()),
    async run() {
      const total = rate * seconds;
      const first = performance.now();
      const adding = [];
      for (let key = 0; key < total; ) {
        for (; key < total && performance.now() >= first + (key * 1000) / rate; key++) {
          const mine = key;
          adding.push(add(mine).then(() => added.set(mine, performance.now())));
        }
        await pause(1);
      }
      await Promise.all(adding);
      while (started.size < total) await pause(5);
      return { latencies: [...added].map(([key, at]) => started.get(key) - at) };
    },
  };
}
