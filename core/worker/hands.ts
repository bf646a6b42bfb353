import type { Context } from '../context.ts';
import type { Claimed } from '../lifecycle/claim.ts';
import type { Lease } from '../lifecycle/heartbeat.ts';
import type { Outcome, Settled } from '../lifecycle/settle.ts';
import { Run, runJob, type Tasks } from './run-job.ts';

/** Slots for handlers, shared by all workers of one isolate, so that PROCESS_CONCURRENCY holds for all of them. */
export interface Slots {
  used: number;
}

/** What a worker has in hand: jobs that wait for a slot, handlers that run, outcomes that are not written yet. */
export class Hands {
  /**
   * No Set: one that is added to and deleted from all the time leaves a chain of tables behind, each held by the one
   * before it, and with them every job that ever was in it, until all of the memory is searched.
   */
  readonly running: Run[] = [];
  waiting: Claimed[] = [];
  settled: Settled[] = [];
  /** How long a handler usually takes, in milliseconds; infinite until the first one ended. */
  usualMs = Number.POSITIVE_INFINITY;
  /** With PROCESS_PACE_MS, when the next job may start. */
  nextStart = 0;
  readonly workerId: string;
  readonly #ctx: Context;
  readonly #tasks: Tasks;
  readonly #slots: Slots;
  readonly #changed: () => void;

  constructor(ctx: Context, tasks: Tasks, slots: Slots, workerId: string, changed: () => void) {
    this.#ctx = ctx;
    this.#tasks = tasks;
    this.#slots = slots;
    this.workerId = workerId;
    this.#changed = changed;
  }

  get busy(): boolean {
    return this.running.length + this.waiting.length + this.settled.length > 0;
  }

  get freeSlots(): number {
    return this.#ctx.settings.PROCESS_CONCURRENCY - this.#slots.used;
  }

  /** The jobs under lease here, whatever became of them. */
  get held(): Lease[] {
    return [...this.running.map(({ job }) => job), ...this.waiting, ...this.settled.map(({ job }) => job)];
  }

  /** Starts handlers while slots are free; none once the host stops. */
  start(): void {
    if (this.#ctx.env.STOPPING?.aborted) return;
    const { PROCESS_PACE_MS, JOB_TIMEOUT_MS } = this.#ctx.settings;
    while (this.waiting.length > 0 && this.freeSlots > 0) {
      const job = this.waiting.shift() as Claimed;
      const now = this.#ctx.now();
      const run = new Run(job, now + (job.timeout_ms ?? JOB_TIMEOUT_MS));
      this.running.push(run);
      this.#slots.used += 1;
      if (PROCESS_PACE_MS > 0) this.nextStart = now + PROCESS_PACE_MS;
      void runJob(this.#ctx, this.#tasks, this.workerId, run).then((outcome) => this.#returned(run, now, outcome));
    }
  }

  #returned(run: Run, since: number, outcome: Outcome): void {
    if (run.over) return;
    const took = this.#ctx.now() - since;
    this.usualMs = Number.isFinite(this.usualMs) ? this.usualMs * 0.9 + took * 0.1 : took;
    this.#finish(run, outcome);
    this.start();
  }

  /** Ends a run once; without an outcome (the lease is lost) nothing will be written for it. */
  #finish(run: Run, outcome?: Outcome): void {
    run.over = true;
    const at = this.running.indexOf(run);
    if (at < 0) return;
    this.running.splice(at, 1);
    this.#slots.used -= 1;
    if (outcome) this.settled.push({ job: run.job, outcome });
    const { PROCESS_PACE_MS } = this.#ctx.settings;
    if (PROCESS_PACE_MS > 0) this.nextStart = this.#ctx.now() + PROCESS_PACE_MS;
    this.#changed();
  }

  /** Stops waiting for a handler: tells it by its signal, and settles without it. */
  abandon(run: Run, reason: string, outcome?: Outcome): void {
    this.#finish(run, outcome);
    run.abort(reason);
  }

  /** Gives back what was claimed and not started, without a charge. */
  giveBack(reason: string): void {
    for (const job of this.waiting) this.settled.push({ job, outcome: { kind: 'released', reason } });
    this.waiting = [];
  }

  /** Lets go of everything, when the worker itself fails: the leases will expire, and other workers take over. */
  drop(): void {
    for (const run of [...this.running]) this.abandon(run, 'worker failed');
  }
}
