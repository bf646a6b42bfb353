import type { Sources } from '../../core/context.ts';

/** Time and chance that a test owns: time stands still until the test moves it, chance repeats. */
export class TestClock implements Sources {
  time: number;
  #seed: number;
  #sleepers: { until: number; resolve: () => void }[] = [];

  constructor(time = 1_800_000_000_000, seed = 1) {
    this.time = time;
    this.#seed = seed;
  }

  now = (): number => this.time;

  /** mulberry32: small, fast and good enough for tests. */
  random = (): number => {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };

  bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(this.random() * 256));

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      this.#sleepers.push({ until: this.time + ms, resolve });
      signal?.addEventListener('abort', () => resolve());
    });

  turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  /** Moves time ahead and wakes whoever slept until then. */
  async advance(ms: number): Promise<void> {
    this.time += ms;
    const due = this.#sleepers.filter(({ until }) => until <= this.time);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.time);
    for (const { resolve } of due) resolve();
    for (let i = 0; i < 5; i++) await this.turn();
  }
}
