import { real, type Sources } from '../../core/context.ts';

/** What a clock shows: the host's time and this much, or one moment that does not pass. */
export interface ClockState {
  now: number;
  frozen: boolean;
  offset_ms: number;
}

interface Timer {
  at: number;
  ring(): void;
}

/** Stops of one walk; what runs longer is told of the rest at once. A worker looks up once a second. */
const MAX_STOPS = 3000;
/** Turns of the event loop in which whoever was woken says what it waits for next. */
const TURNS = 8;
/** A timer of Node holds 24.8 days. */
const MAX_WAIT_MS = 2_000_000_000;

/** A clock that can be frozen and moved. Everything that sleeps by it is woken when it shows the time. */
export class Clock implements Sources {
  readonly random = real.random;
  readonly bytes = real.bytes;
  readonly turn = real.turn;
  readonly #timers = new Set<Timer>();
  #offset = 0;
  #frozenAt: number | undefined;
  /** While it is moved: the moment it shows on its way. */
  #walkingAt: number | undefined;
  #walk: Promise<void> = Promise.resolve();
  #alarm: NodeJS.Timeout | undefined;

  now = (): number => this.#walkingAt ?? this.#frozenAt ?? real.now() + this.#offset;

  get state(): ClockState {
    return { now: this.now(), frozen: this.#frozenAt !== undefined, offset_ms: this.now() - real.now() };
  }

  /** Whether it is being moved just now. */
  get walking(): boolean {
    return this.#walkingAt !== undefined;
  }

  /** Resolves when it is not being moved. */
  still = (): Promise<void> => this.#walk;

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      // Whole milliseconds, as the clock shows them: a third of a lease may be none.
      const timer = { at: Math.ceil(this.now() + ms), ring: () => end() };
      const end = () => {
        this.#timers.delete(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      signal?.addEventListener('abort', end);
      this.#timers.add(timer);
      this.#setAlarm();
    });

  freeze(): void {
    this.#frozenAt ??= this.now();
    this.#setAlarm();
  }

  /** Goes on from the moment it shows. */
  resume(): void {
    if (this.#frozenAt !== undefined) this.#offset = this.#frozenAt - real.now();
    this.#frozenAt = undefined;
    this.#setAlarm();
  }

  /** Shows this moment at once, whoever sleeps; for a database of another time. */
  set(time: number): void {
    if (this.#frozenAt !== undefined) this.#frozenAt = time;
    this.#offset = time - real.now();
    this.#setAlarm();
  }

  /** Moves on by `ms`, and stops wherever somebody is to be woken, so that all happens in its order. */
  move(ms: number): Promise<void> {
    this.#walk = this.#walk.then(() => this.#walkTo(this.now() + ms));
    return this.#walk;
  }

  async #walkTo(target: number): Promise<void> {
    this.#walkingAt = this.now();
    for (let stops = 0; ; stops++) {
      const next = this.#next();
      if (!next || next.at > target) break;
      this.#walkingAt = stops < MAX_STOPS ? Math.max(this.#walkingAt, next.at) : target;
      if (stops > 2 * MAX_STOPS) break;
      next.ring();
      for (let turns = 0; turns < TURNS; turns++) await this.turn();
    }
    if (this.#frozenAt !== undefined) this.#frozenAt = target;
    this.#offset = target - real.now();
    this.#walkingAt = undefined;
    this.#setAlarm();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (!first || timer.at < first.at) first = timer;
    return first;
  }

  /** One timer of the host, for whoever is to be woken first. */
  #setAlarm(): void {
    clearTimeout(this.#alarm);
    const next = this.#next();
    // A frozen clock still wakes who sleeps until now, or until before.
    const stands = this.walking || (this.#frozenAt !== undefined && next && next.at > this.now());
    if (!next || stands) return;
    const wait = Math.min(MAX_WAIT_MS, Math.max(0, next.at - this.now()));
    this.#alarm = setTimeout(() => this.#ringDue(), wait);
  }

  #ringDue(): void {
    const now = this.now();
    const due = [...this.#timers].filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    for (const { ring } of due) ring();
    this.#setAlarm();
  }
}
