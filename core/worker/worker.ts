import type { Context } from '../context.ts';
import { newId } from '../ids.ts';
import { type Claimed, claim } from '../lifecycle/claim.ts';
import { cancelRequests, heartbeat } from '../lifecycle/heartbeat.ts';
import { remark } from '../lifecycle/remark.ts';
import { type Outcome, type SettleCounts, type Settled, settle } from '../lifecycle/settle.ts';
import { mayQuery } from '../query-count.ts';
import { fold } from '../views/fold.ts';
import { wake } from '../wake.ts';
import { fail } from './outcome.ts';
import { Run, runJob, type Tasks } from './run-job.ts';

/** Slots for handlers, shared by all workers of one isolate, so that PROCESS_CONCURRENCY holds for all of them. */
export interface Slots {
  used: number;
}

/** Time that handlers get to end after the host asked to stop. */
const GRACE_MS = 5000;
/** How often a worker asks whether one of its jobs is to be cancelled. */
const CANCEL_CHECK_MS = 1000;
/** Jobs are claimed ahead of free slots only as far as they will be started within this time. */
const AHEAD_MS = 50;
const FOLD_AFTER = 2000;
const MAX_SETTLE_TRIES = 6;

/** One invocation of process-batch: claims, runs, watches and settles until nothing is due or its time is spent. */
export class Worker {
  readonly id: string;
  readonly counts = { claimed: 0, done: 0, failed: 0, released: 0, cancelled: 0, stale: 0 };
  /** More work may be due: true at the start, after a nudge, and while claims come back full. */
  hungry = true;
  readonly #ctx: Context;
  readonly #tasks: Tasks;
  readonly #slots: Slots;
  readonly #end: number;
  readonly #running = new Set<Run>();
  #waiting: Claimed[] = [];
  #settled: Settled[] = [];
  #unfolded = 0;
  #usualMs = Number.POSITIVE_INFINITY;
  #nextStart = 0;
  #nextHeartbeat: number;
  #nextCancelCheck: number;
  #stopBy = Number.POSITIVE_INFINITY;
  #change = () => {};

  constructor(ctx: Context, tasks: Tasks, slots: Slots) {
    this.#ctx = ctx;
    this.#tasks = tasks;
    this.#slots = slots;
    this.id = `w-${newId(ctx).slice(-12)}`;
    const now = ctx.now();
    this.#end = now + ctx.settings.TICK_BUDGET_MS;
    this.#nextHeartbeat = now + ctx.settings.LEASE_MS / 3;
    this.#nextCancelCheck = now + CANCEL_CHECK_MS;
  }

  /** Whether it still takes work; once not, another worker of the isolate may begin. */
  get open(): boolean {
    return this.#ctx.now() < this.#end && !this.#stopping && mayQuery(this.#ctx);
  }

  /** Says that something may be due. */
  nudge = (): void => {
    this.hungry = true;
    this.#change();
  };

  async work(): Promise<void> {
    this.#ctx.env.STOPPING?.addEventListener('abort', this.nudge);
    try {
      for (;;) {
        if (this.#stopping) this.#giveBack('The worker is stopping.');
        if (this.#mayClaim) await this.#guarded(() => this.#refill());
        this.#start();
        await this.#ctx.turn();
        await this.#guarded(() => this.#watch());
        if (this.#settled.length > 0) await this.#flush();
        else if (this.#mayClaim) continue;
        else if (this.#busy || (this.hungry && this.open && this.#ctx.now() < this.#nextStart)) await this.#event();
        else return;
      }
    } finally {
      this.#ctx.env.STOPPING?.removeEventListener('abort', this.nudge);
      this.#slots.used -= this.#running.size;
    }
  }

  get #busy(): boolean {
    return this.#running.size + this.#waiting.length + this.#settled.length > 0;
  }

  get #mayClaim(): boolean {
    const free = this.#slots.used < this.#ctx.settings.PROCESS_CONCURRENCY;
    return this.hungry && this.open && free && this.#waiting.length === 0 && this.#ctx.now() >= this.#nextStart;
  }

  /** While handlers run, a fault of the database must not end the worker: their outcomes would be lost. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#busy) throw error;
      this.#ctx.log('warn', 'The database failed a worker that goes on.', { worker: this.id, cause: String(error) });
      await this.#ctx.sleep(100);
    }
  }

  get #stopping(): boolean {
    return this.#ctx.env.STOPPING?.aborted ?? false;
  }

  async #refill(): Promise<void> {
    const { PROCESS_BATCH_SIZE, PROCESS_CONCURRENCY, PROCESS_PACE_MS } = this.#ctx.settings;
    const free = PROCESS_CONCURRENCY - this.#slots.used;
    const ahead = Math.floor((PROCESS_CONCURRENCY * AHEAD_MS) / Math.max(1, this.#usualMs));
    const wanted = PROCESS_PACE_MS > 0 ? 1 : Math.min(PROCESS_BATCH_SIZE, free + ahead);
    this.hungry = false;
    const held = [...[...this.#running].map(({ job }) => job.seq), ...this.#settled.map(({ job }) => job.seq)];
    const claimed = await claim(this.#ctx, this.id, wanted, held);
    if (claimed.length === wanted) this.hungry = true;
    this.counts.claimed += claimed.length;
    this.#waiting.push(...claimed);
  }

  #start(): void {
    const { PROCESS_CONCURRENCY, PROCESS_PACE_MS, JOB_TIMEOUT_MS } = this.#ctx.settings;
    while (this.#waiting.length > 0 && this.#slots.used < PROCESS_CONCURRENCY) {
      const job = this.#waiting.shift() as Claimed;
      const now = this.#ctx.now();
      const run = new Run(job, now + (job.timeout_ms ?? JOB_TIMEOUT_MS));
      this.#running.add(run);
      this.#slots.used += 1;
      if (PROCESS_PACE_MS > 0) this.#nextStart = now + PROCESS_PACE_MS;
      void runJob(this.#ctx, this.#tasks, this.id, run).then((outcome) => {
        if (run.over) return;
        const took = this.#ctx.now() - now;
        this.#usualMs = Number.isFinite(this.#usualMs) ? this.#usualMs * 0.9 + took * 0.1 : took;
        this.#finish(run, outcome);
        this.#start();
      });
    }
  }

  /** Ends a run once; without an outcome (the lease is lost) nothing will be written for it. */
  #finish(run: Run, outcome?: Outcome): void {
    run.over = true;
    if (!this.#running.delete(run)) return;
    this.#slots.used -= 1;
    if (outcome) this.#settled.push({ job: run.job, outcome });
    const { PROCESS_PACE_MS } = this.#ctx.settings;
    if (PROCESS_PACE_MS > 0) this.#nextStart = this.#ctx.now() + PROCESS_PACE_MS;
    this.#change();
  }

  /** Stops waiting for a handler: tells it by its signal, and settles without it. */
  #abandon(run: Run, reason: string, outcome?: Outcome): void {
    this.#finish(run, outcome);
    run.abort(reason);
  }

  #giveBack(reason: string): void {
    for (const job of this.#waiting) this.#settled.push({ job, outcome: { kind: 'released', reason } });
    this.#waiting = [];
  }

  /** Everything that time does to what runs: deadlines, cancels, heartbeats, the end of the grace period. */
  async #watch(): Promise<void> {
    const now = this.#ctx.now();
    for (const run of this.#running) {
      if (now >= run.deadline)
        this.#abandon(
          run,
          'timeout',
          fail(`The job ran out of time after ${run.job.timeout_ms ?? this.#ctx.settings.JOB_TIMEOUT_MS} ms.`),
        );
    }
    if (this.#stopping && this.#stopBy === Number.POSITIVE_INFINITY) this.#stopBy = now + GRACE_MS;
    if (now >= this.#stopBy) {
      for (const run of this.#running)
        this.#abandon(run, 'shutdown', { kind: 'released', reason: 'The worker stopped before the handler ended.' });
    }
    if (now >= this.#nextCancelCheck) await this.#honourCancels(now);
    if (now >= this.#nextHeartbeat) await this.#heartbeat(now);
  }

  async #honourCancels(now: number): Promise<void> {
    this.#nextCancelCheck = now + CANCEL_CHECK_MS;
    if (this.#running.size === 0) return;
    const asked = new Set(
      await cancelRequests(
        this.#ctx,
        [...this.#running].map(({ job }) => job),
      ),
    );
    for (const run of this.#running) if (asked.has(run.job.seq)) this.#abandon(run, 'cancelled', { kind: 'cancelled' });
  }

  async #heartbeat(now: number): Promise<void> {
    this.#nextHeartbeat = now + this.#ctx.settings.LEASE_MS / 3;
    // What found no slot in all this time is better off with another worker.
    this.#giveBack('No slot came free in time.');
    const held = [...this.#running];
    if (held.length === 0) return;
    const kept = await heartbeat(
      this.#ctx,
      held.map(({ job }) => job),
    );
    const lost = held.filter((run) => !run.over && !kept.has(run.job.seq));
    for (const run of lost) this.#abandon(run, 'lease lost');
    this.counts.stale += lost.length;
    if (lost.length > 0) {
      await remark(
        this.#ctx,
        lost.map(({ job }) => ({ lease: job, worker: this.id, message: 'A heartbeat came after the lease was lost.' })),
      );
    }
  }

  async #flush(): Promise<void> {
    const set = this.#settled.splice(0, 500);
    const counts = await this.#settle(set);
    for (const [kind, n] of Object.entries(counts)) this.counts[kind as keyof typeof counts] += n;
    if (counts.failed > 0) wake(this.#ctx, 'coordinate');
    this.#unfolded += 2 * set.length;
    if (this.#unfolded >= FOLD_AFTER) {
      await fold(this.#ctx, 2 * FOLD_AFTER);
      this.#unfolded = 0;
    }
  }

  /** Settling again is safe: the fence lets an outcome in once. */
  async #settle(set: Settled[], tries = 1): Promise<SettleCounts> {
    try {
      return await settle(this.#ctx, this.id, set);
    } catch (error) {
      if (tries >= MAX_SETTLE_TRIES) throw error;
      this.#ctx.log('warn', 'Outcomes could not be written yet.', { worker: this.id, tries, cause: String(error) });
      await this.#ctx.sleep(50 * 2 ** tries);
      return this.#settle(set, tries + 1);
    }
  }

  /** Sleeps until a handler ends, somebody nudges, or the clock has something to do. */
  async #event(): Promise<void> {
    const awake = new AbortController();
    const next = [
      this.#nextHeartbeat,
      this.#nextCancelCheck,
      this.#stopBy,
      ...[...this.#running].map((run) => run.deadline),
    ];
    if (this.#nextStart > this.#ctx.now()) next.push(this.#nextStart);
    this.#change = () => awake.abort();
    await this.#ctx.sleep(Math.max(0, Math.min(...next) - this.#ctx.now()), awake.signal);
    this.#change = () => {};
  }
}
