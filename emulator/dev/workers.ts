import type { Env, Fetcher, Sources } from '../../core/context.ts';
import type { TickCounts } from '../../core/http/tick.ts';
import { isClaim } from '../../core/lifecycle/claim.ts';
import { type Around, Between } from './between.ts';
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';

/** One life of the worker of this process: once killed it says and writes nothing more, as a process that is gone. */
class Life {
  readonly env: Env;
  readonly gone: Promise<void>;
  readonly #killed = new AbortController();
  readonly #never = new Promise<never>(() => {});

  constructor(base: Env, clock: Clock, faults: Faults, mayClaim: () => boolean) {
    const { signal } = this.#killed;
    this.gone = new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const orNever = async <Value>(value: Promise<Value>): Promise<Value> => {
      const kept = await value.finally(() => signal.aborted && this.#never);
      return signal.aborted ? this.#never : kept;
    };
    const around: Around = (sqls, call) => {
      if (signal.aborted) return this.#never;
      // A claim that is held back finds nothing due: one result for each of its statements.
      if (sqls.some(isClaim) && !mayClaim()) return Promise.resolve(sqls.map(() => ({ results: [] })) as never);
      return orNever(call());
    };
    const sources: Sources = {
      ...{ random: clock.random, bytes: clock.bytes, turn: () => orNever(clock.turn()) },
      now: () => clock.now() + faults.skew,
      sleep: (ms, given) => orNever(clock.sleep(ms, given ? AbortSignal.any([given, signal]) : signal)),
    };
    this.env = {
      ...base,
      SOURCES: sources,
      DB: new Between(() => base.DB, around),
      ...(base.OUTBOUND && { OUTBOUND: cutBy(base.OUTBOUND, signal) }),
      BEFORE_RUN: ({ task_type }) => {
        const error = faults.take(task_type);
        if (error !== undefined) throw new Error(error);
      },
    };
  }

  kill(): void {
    this.#killed.abort();
  }
}

/** The connections of a process that is gone are cut. */
const cutBy = (outbound: Fetcher, signal: AbortSignal): Fetcher => ({
  fetch: (request, init) =>
    outbound.fetch(request, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, signal]) : signal }),
});

/** The worker of this process, which can be killed: its leases expire then, and another takes its place at once. */
export class Workers {
  #life: Life | undefined;
  readonly #make: (base: Env) => Life;

  constructor(clock: Clock, faults: Faults, mayClaim: () => boolean) {
    this.#make = (base) => new Life(base, clock, faults, mayClaim);
  }

  /** Runs a tick in the env of the living worker, until it ends or is killed. */
  async run(tick: (env: Env) => Promise<TickCounts>, base: Env): Promise<TickCounts> {
    this.#life ??= this.#make(base);
    const { env, gone } = this.#life;
    return Promise.race([tick(env), gone.then(() => ({ joined: 1 }))]);
  }

  kill(): void {
    this.#life?.kill();
    this.#life = undefined;
  }
}
