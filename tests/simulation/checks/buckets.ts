import type { Host } from '../world/host.ts';
import type { Observer } from './observer.ts';

interface Stored {
  tokens: number;
  at: number;
}

/** What is stored, and how many tokens there should be. */
interface Bucket extends Stored {
  due: number;
}

const READ = 'SELECT tokens, at FROM rate_limits WHERE bucket = ?';
const TINY = 1e-5;

/**
 * A token bucket for each row of rate_limits, reckoned apart: it gains only for time that its own stamps pass and loses
 * one token for each admission, so a bucket that agrees admits at most capacity + rate x span in any span.
 */
export class Buckets {
  readonly #known = new Map<string, Bucket>();
  readonly #observer: Observer;
  admissions = 0;

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  check(names: ReadonlySet<string>, host: Host): void {
    const read = this.#observer.world.store.reader(READ);
    for (const name of names) {
      const is = read.get(name) as Stored | undefined;
      if (is) this.#changed(name, host, is, this.#known.get(name));
      else this.#forgotten(name, host, this.#known.get(name));
    }
  }

  #changed(name: string, host: Host, is: Stored, was: Bucket | undefined): void {
    if (was?.tokens === is.tokens && was.at === is.at) return;
    const { RL_CAPACITY: capacity, RL_WINDOW_MS: window } = this.#observer.settings;
    const anew = was !== undefined && is.tokens === was.tokens && is.at < was.at;
    const earned = was ? (Math.max(0, is.at - was.at) * capacity) / window : capacity;
    const due = Math.min(capacity, (was?.due ?? 0) + earned) - (anew ? 0 : 1);
    if (due < -TINY) this.#breach(name, `gave a token that it did not have (${due})`);
    if (is.tokens > due + TINY || is.tokens > capacity)
      this.#breach(name, `holds ${is.tokens} tokens instead of ${due}`);
    if (this.#observer.settings.CLOCK === 'host') this.#checkStamp(name, host, is, was);
    this.#known.set(name, { ...is, due: Math.max(0, due) });
    if (!anew) this.admissions += 1;
  }

  /** A stamp comes from a clock, and goes back only where it is further ahead than a window. */
  #checkStamp(name: string, host: Host, is: Stored, was?: Bucket): void {
    const { RL_WINDOW_MS: window } = this.#observer.settings;
    if (is.at > Math.max(was?.at ?? 0, host.latest))
      this.#breach(name, 'is stamped with a time that no clock has shown');
    if (was && is.at < was.at && was.at <= host.earliest + window)
      this.#breach(name, 'had its time set back without a reason');
  }

  #forgotten(name: string, host: Host, was: Bucket | undefined): void {
    const { RL_WINDOW_MS: window, CLOCK } = this.#observer.settings;
    if (was && CLOCK === 'host' && was.at > host.latest - window)
      this.#breach(name, 'was forgotten before it was full');
    this.#known.delete(name);
  }

  #breach(name: string, text: string): void {
    this.#observer.breach(13, `bucket ${name} ${text}`);
  }
}
