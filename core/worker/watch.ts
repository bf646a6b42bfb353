import type { Context } from '../context.ts';
import { cancelRequests, heartbeat } from '../lifecycle/heartbeat.ts';
import type { Hands } from './hands.ts';
import { fail } from './outcome.ts';

/** Time that handlers get to end after the host asked to stop. */
const GRACE_MS = 5000;
/** How often a worker asks whether one of its jobs is to be cancelled. */
const CANCEL_CHECK_MS = 1000;

/** Everything that time does to what runs: deadlines, cancels, heartbeats, the end of the grace period. */
export class Watch {
  readonly #ctx: Context;
  readonly #hands: Hands;
  #nextHeartbeat: number;
  #nextCancelCheck: number;
  #stopBy = Number.POSITIVE_INFINITY;

  constructor(ctx: Context, hands: Hands) {
    this.#ctx = ctx;
    this.#hands = hands;
    this.#nextHeartbeat = ctx.now() + ctx.settings.LEASE_MS / 3;
    this.#nextCancelCheck = ctx.now() + CANCEL_CHECK_MS;
  }

  /** When there is something to look at again, in milliseconds since 1970. */
  get nextLook(): number {
    const deadlines = this.#hands.running.map(({ deadline }) => deadline);
    return Math.min(this.#nextHeartbeat, this.#nextCancelCheck, this.#stopBy, ...deadlines);
  }

  async look(): Promise<void> {
    const now = this.#ctx.now();
    this.#endLate(now);
    if (this.#ctx.env.STOPPING?.aborted) this.#endAfterGrace(now);
    if (now >= this.#nextCancelCheck) await this.#honourCancels(now);
    if (now >= this.#nextHeartbeat) await this.#heartbeat(now);
  }

  #endLate(now: number): void {
    for (const run of [...this.#hands.running]) {
      if (now < run.deadline) continue;
      const ms = run.job.timeout_ms ?? this.#ctx.settings.JOB_TIMEOUT_MS;
      this.#hands.abandon(run, 'timeout', fail(`The job ran out of time after ${ms} ms.`));
    }
  }

  #endAfterGrace(now: number): void {
    this.#stopBy = Math.min(this.#stopBy, now + GRACE_MS);
    if (now < this.#stopBy) return;
    const outcome = { kind: 'released', reason: 'The worker stopped before the handler ended.' } as const;
    for (const run of [...this.#hands.running]) this.#hands.abandon(run, 'shutdown', outcome);
  }

  async #honourCancels(now: number): Promise<void> {
    this.#nextCancelCheck = now + CANCEL_CHECK_MS;
    const runs = [...this.#hands.running];
    if (runs.length === 0) return;
    const leases = runs.map(({ job }) => job);
    const asked = new Set(await cancelRequests(this.#ctx, leases));
    for (const run of runs) if (asked.has(run.job.seq)) this.#hands.abandon(run, 'cancelled', { kind: 'cancelled' });
  }

  async #heartbeat(now: number): Promise<void> {
    this.#nextHeartbeat = now + this.#ctx.settings.LEASE_MS / 3;
    // What found no slot in all this time is better off with another worker.
    this.#hands.giveBack('No slot came free in time.');
    const runs = [...this.#hands.running];
    if (runs.length === 0) return;
    const leases = runs.map(({ job }) => job);
    const kept = await heartbeat(this.#ctx, leases);
    for (const run of runs) {
      if (!run.over && !kept.has(run.job.seq)) this.#hands.abandon(run, 'lease lost', { kind: 'lost' });
    }
  }
}
