import type { Context } from '../context.ts';
import { newId } from '../ids.ts';
import { claim } from '../lifecycle/claim.ts';
import { type Outcome, type SettleCounts, type Settled, settle } from '../lifecycle/settle.ts';
import { mayQuery } from '../query-count.ts';
import { causeOf, isFull } from '../storage-fault.ts';
import { fold } from '../views/fold.ts';
import { wake } from '../wake.ts';
import { Hands, type Slots } from './hands.ts';
import type { Tasks } from './run-job.ts';
import { Watch } from './watch.ts';

/** Jobs are claimed ahead of free slots only as far as they will be started within this time. */
const AHEAD_MS = 50;
/** Most outcomes written at once, and most characters of them: a bound value holds 2 MB, and a character up to 6 bytes. */
const SETTLE_SET = 500;
const SETTLE_CHARACTERS = 300_000;
const MAX_SETTLE_TRIES = 6;
/** Some hours: from the sixth on they are three seconds apart. */
const MAX_FULL_TRIES = 10_000;
/** Transitions after which a busy worker adds them to the counts of the report. */
const FOLD_AFTER = 4000;

/** One invocation of process-batch: claims, runs, watches and settles until nothing is due or its time is spent. */
export class Worker {
  readonly id: string;
  readonly counts = { claimed: 0, done: 0, failed: 0, released: 0, cancelled: 0, stale: 0 };
  /** More work may be due: true at the start, after a nudge, and while claims come back full. */
  hungry = true;
  readonly #ctx: Context;
  readonly #hands: Hands;
  readonly #watch: Watch;
  readonly #end: number;
  #unfolded = 0;
  #warnAgain = 0;
  #rouse = () => {};

  constructor(ctx: Context, tasks: Tasks, slots: Slots) {
    this.#ctx = ctx;
    this.id = `w-${newId(ctx).slice(-12)}`;
    this.#hands = new Hands(ctx, tasks, slots, this.id, () => this.#rouse());
    this.#watch = new Watch(ctx, this.#hands);
    this.#end = ctx.now() + ctx.settings.TICK_BUDGET_MS;
  }

  /** Whether it still takes work; once not, another worker of the isolate may begin. */
  get open(): boolean {
    return this.#ctx.now() < this.#end && !this.#stopping && mayQuery(this.#ctx);
  }

  /** Says that something may be due. */
  nudge = (): void => {
    this.hungry = true;
    this.#rouse();
  };

  async work(): Promise<void> {
    this.#ctx.env.STOPPING?.addEventListener('abort', this.nudge);
    try {
      for (;;) {
        if (this.#stopping) this.#hands.giveBack('The worker is stopping.');
        if (this.#mayClaim) await this.#guarded(() => this.#claim());
        this.#hands.start();
        await this.#ctx.turn();
        await this.#guarded(() => this.#watch.look());
        if (this.#hands.settled.length > 0) await this.#settle();
        else if (this.#mayClaim) continue;
        else if (this.#hands.busy || this.#paces) await this.#rest();
        else return;
      }
    } finally {
      this.#ctx.env.STOPPING?.removeEventListener('abort', this.nudge);
      this.#hands.drop();
    }
  }

  get #stopping(): boolean {
    return this.#ctx.env.STOPPING?.aborted ?? false;
  }

  get #mayClaim(): boolean {
    const room = this.#hands.freeSlots > 0 && this.#hands.waiting.length === 0 && !(this.#oneByOne && this.#hands.busy);
    return this.hungry && this.open && room && this.#ctx.now() >= this.#hands.nextStart;
  }

  /** Then a job is claimed when the one before it is settled, so that their times do not overlap either. */
  get #oneByOne(): boolean {
    return this.#ctx.settings.PROCESS_CONCURRENCY === 1;
  }

  /** Only PROCESS_PACE_MS keeps it from claiming. */
  get #paces(): boolean {
    return this.hungry && this.open && this.#ctx.now() < this.#hands.nextStart;
  }

  /** While handlers run, a fault of the database must not end the worker: their outcomes would be lost. */
  async #guarded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#hands.busy) throw error;
      // While it lasts, once a minute is often enough.
      if (this.#ctx.now() >= this.#warnAgain) {
        this.#warnAgain = this.#ctx.now() + 60_000;
        this.#ctx.log('warn', 'The database failed a worker that goes on.', { worker: this.id, cause: causeOf(error) });
      }
      await this.#ctx.sleep(100);
    }
  }

  async #claim(): Promise<void> {
    const { PROCESS_BATCH_SIZE, PROCESS_CONCURRENCY, PROCESS_PACE_MS } = this.#ctx.settings;
    const rate = PROCESS_CONCURRENCY / Math.max(1, this.#hands.usualMs);
    const ahead = this.#oneByOne ? 0 : Math.floor(rate * AHEAD_MS);
    const wanted = PROCESS_PACE_MS > 0 ? 1 : Math.min(PROCESS_BATCH_SIZE, this.#hands.freeSlots + ahead);
    this.hungry = false;
    const claimed = await claim(this.#ctx, this.id, wanted, this.#hands.held);
    if (claimed.length === wanted) this.hungry = true;
    this.counts.claimed += claimed.length;
    this.#hands.waiting.push(...claimed);
  }

  async #settle(): Promise<void> {
    const set = takeSet(this.#hands.settled);
    const counts = await this.#write(set);
    for (const [kind, n] of Object.entries(counts)) this.counts[kind as keyof typeof counts] += n;
    if (counts.failed > 0) wake(this.#ctx, 'coordinate');
    this.#unfolded += 2 * set.length;
    if (this.#unfolded < FOLD_AFTER) return;
    this.#unfolded = 0;
    await this.#guarded(() => fold(this.#ctx, 2 * FOLD_AFTER));
  }

  /** Writing a set again is safe: the fence lets an outcome in once. */
  async #write(set: Settled[]): Promise<SettleCounts> {
    for (let tries = 1; ; tries++) {
      try {
        return await settle(this.#ctx, this.id, set);
      } catch (error) {
        // On a full disk no other worker can claim these jobs either: their outcomes are kept until there is space.
        const waits = isFull(error) && tries < MAX_FULL_TRIES && !this.#stopping;
        if (tries >= MAX_SETTLE_TRIES && !waits) throw error;
        const cause = causeOf(error);
        if (tries <= MAX_SETTLE_TRIES)
          this.#ctx.log('warn', 'Outcomes could not be written yet.', { worker: this.id, tries, cause });
        const signal = tries < MAX_SETTLE_TRIES ? undefined : this.#ctx.env.STOPPING;
        await this.#ctx.sleep(50 * 2 ** Math.min(tries, MAX_SETTLE_TRIES), signal);
      }
    }
  }

  /** Sleeps until a handler ends, somebody nudges, or the clock has something to do. */
  async #rest(): Promise<void> {
    const awake = new AbortController();
    this.#rouse = () => awake.abort();
    const until = this.#paces ? Math.min(this.#hands.nextStart, this.#watch.nextLook) : this.#watch.nextLook;
    await this.#ctx.sleep(Math.max(0, until - this.#ctx.now()), awake.signal);
    this.#rouse = () => {};
  }
}

/** Takes the first outcomes off the list, as many as may be written at once; at least one. */
function takeSet(settled: Settled[]): Settled[] {
  let characters = 0;
  const over = settled.findIndex(({ outcome }, i) => {
    characters += textOf(outcome).length;
    return i > 0 && (i >= SETTLE_SET || characters > SETTLE_CHARACTERS);
  });
  return settled.splice(0, over < 0 ? settled.length : over);
}

function textOf(outcome: Outcome): string {
  if (outcome.kind === 'done') return outcome.result;
  if (outcome.kind === 'failed') return outcome.error;
  return outcome.kind === 'released' ? outcome.reason : '';
}
