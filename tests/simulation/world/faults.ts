import { Chance } from './chance.ts';
import { allFaults, type FaultKind } from './fault-kinds.ts';
import { Injected } from './injected.ts';
import type { Plan } from './plan.ts';

/** What a database call can meet: an error before, midway or after, or the death of its caller. The likely ones twice. */
const callFaults = [
  'death',
  'death-after-commit',
  'lost-answer',
  'lost-answer',
  'fail-before',
  'fail-midway',
  'busy',
] as const;
export type CallFault = (typeof callFaults)[number] | 'full';

/** Which faults a run injects, and how many of each it has. */
export class Faults {
  readonly counts = Object.fromEntries(allFaults.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  /** Until when the disk is full. */
  fullUntil = 0;
  stopped = false;
  readonly #plan: Plan;
  readonly #chance: Chance;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#chance = new Chance(`${plan.seed} faults`);
  }

  has(kind: FaultKind): boolean {
    return !this.stopped && this.#plan.faults.has(kind);
  }

  /** Counts a fault where its kind is switched on; whether it is. */
  inject(kind: FaultKind): boolean {
    if (!this.has(kind)) return false;
    this.counts[kind] += 1;
    return true;
  }

  /** What the next database call meets. Chance is drawn in any case: a kind switched off moves no other fault. */
  ofCall(time: number, writes: boolean): CallFault | undefined {
    const [hit, kind] = [this.#chance.yes(this.#plan.rate), this.#chance.pick(callFaults)];
    if (writes && time < this.fullUntil && this.inject('full')) return 'full';
    return hit && (writes || kind !== 'fail-midway') && this.inject(kind) ? kind : undefined;
  }

  /** Whether others act before the answer of a call arrives. */
  delays(): boolean {
    return this.#chance.yes(0.3) && this.inject('latency');
  }

  error(kind: CallFault): Injected {
    return Injected.of(kind, this.#chance);
  }
}
