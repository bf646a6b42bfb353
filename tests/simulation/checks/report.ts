import { type Context, contextOf } from '../../../core/context.ts';
import { report } from '../../../core/views/report.ts';
import type { Observer } from './observer.ts';

const EVERYBODY = '';

/** Holds the report against the ledger in the snapshot of each step: that of all jobs, and now and then an owner's. */
export class ReportCheck {
  readonly #observer: Observer;
  readonly #ctx: Context;
  #checks = 0;

  constructor(observer: Observer) {
    this.#observer = observer;
    this.#ctx = contextOf({ DB: observer.world.store.port });
  }

  async check(): Promise<void> {
    const { all } = this.#observer.world.people;
    this.#checks += 1;
    await this.#compare(this.#checks % 3 === 0 ? (all[(this.#checks / 3) % all.length]?.id as string) : EVERYBODY);
  }

  async #compare(owner: string): Promise<void> {
    const { counts } = await report(this.#ctx, owner === EVERYBODY ? null : owner);
    const shown = Object.entries(counts).flatMap(([status, types]) =>
      Object.entries(types).map(([type, n]) => `${owner} ${status} ${type}: ${n}`),
    );
    const real = [...this.#observer.ledger.counts].filter(([key]) => key.startsWith(`${owner} `));
    const expected = real.map(([key, n]) => `${key}: ${n}`);
    if (shown.sort().join() !== expected.sort().join())
      this.#observer.breach(12, `the report of ${owner || 'everybody'} says ${shown}; there are ${expected}`);
  }
}
