import type { Job } from '../../../core/lifecycle/job.ts';

/** A job that somebody asks for. Its marker is its `timeout_ms`, so every row tells which request it comes from. */
export interface Order {
  marker: number;
  owner: string;
  body: { task_type: string; payload: object; idempotency_key?: string; [more: string]: unknown };
  /** How it must end, unless it is cancelled. */
  ends: 'done' | 'dlq';
  /** The orders that were sent in one request with it. */
  together: Order[];
  /** The id that was answered first. */
  id?: string;
  cancel?: 'asked' | 'accepted';
}

/** The shortest marker: a time out that no job of a torture ever reaches. */
const FIRST_MARKER = 10_000_000;
const MAX_PROBLEMS = 40;

/** What was asked for, and what was answered: the database is held against it at the end. */
export class Ledger {
  readonly orders = new Map<number, Order>();
  readonly acknowledged = new Map<string, Order>();
  /** Answers by status; `none` where there was none. */
  readonly answers: Record<string, number> = {};
  /** Repeats that were answered with the job of the first time. */
  replays = 0;
  redrives = 0;
  readonly problems: string[] = [];
  readonly #seen = new Map<string, Job>();

  add(owner: string, body: Order['body'], ends: Order['ends']): Order {
    const marker = FIRST_MARKER + this.orders.size;
    const order: Order = { marker, owner, body: { ...body, timeout_ms: marker }, ends, together: [] };
    this.orders.set(marker, order);
    return order;
  }

  /** A backup that holds these jobs has taken the place of the database: what was promised later is not held against it. */
  rewind(kept: ReadonlySet<string>): void {
    for (const [id, order] of [...this.acknowledged]) {
      if (kept.has(id)) continue;
      this.acknowledged.delete(id);
      delete order.id;
    }
    for (const order of this.orders.values()) if (order.cancel) order.cancel = 'asked';
    this.#seen.clear();
  }

  /** Something that must not be. */
  complain(text: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(text);
  }

  count(status: number | 'none'): void {
    this.answers[status] = (this.answers[status] ?? 0) + 1;
  }

  /** Somebody was told that this job is theirs. */
  accept(order: Order, job: Job, replayed: boolean): void {
    if (Number(job.timeout_ms) !== order.marker)
      this.complain(`order ${order.marker} was answered with another job: ${JSON.stringify(job)}`);
    if (order.id !== undefined && order.id !== job.id)
      this.complain(`order ${order.marker} was answered with ${order.id} and with ${job.id}`);
    if (order.id !== undefined && !replayed) this.complain(`order ${order.marker} was accepted twice`);
    if (replayed) this.replays += 1;
    order.id = job.id;
    this.acknowledged.set(job.id, order);
    this.see(job);
  }

  /** Somebody was shown this job: what was final stays, and epochs never fall. */
  see(job: Job): void {
    const before = this.#seen.get(job.id);
    if (before && before.lease_epoch > job.lease_epoch)
      this.complain(`job ${job.id} was at epoch ${before.lease_epoch}, and later at ${job.lease_epoch}`);
    if (before && ['done', 'cancelled'].includes(before.status) && before.status !== job.status)
      this.complain(`job ${job.id} was ${before.status}, and later ${job.status}`);
    this.#seen.set(job.id, job);
  }
}
