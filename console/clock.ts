import { useEffect, useState } from 'preact/hooks';
import { Store } from './store.ts';

/** The service's time, which may differ from this machine's, and which the emulator may hold. */
class Clock {
  #ahead = 0;
  #held: number | null = null;
  readonly ticks = new Store(0);

  constructor() {
    setInterval(() => this.ticks.set(this.ticks.value + 1), 1000);
  }

  now(): number {
    return this.#held ?? Date.now() + this.#ahead;
  }

  setTo(time: number): void {
    this.#ahead = time - Date.now();
    if (this.#held !== null) this.#held = time;
  }

  /** Holds the time at this one, or lets it run again with null. */
  hold(time: number | null): void {
    this.#held = time;
  }
}

export const clock = new Clock();

/** The service's time in milliseconds since 1970; the component is drawn again every second. */
export function useNow(): number {
  const [, draw] = useState(0);
  useEffect(() => clock.ticks.watch(draw), []);
  return clock.now();
}
