import { type Act, badActs, goodActs } from '../world/outside.ts';
import type { World } from '../world/world.ts';
import type { Answer, Ask, Person } from './post.ts';
import { judgeReceipt } from './receipts.ts';

/** The body of a request for one job. Its marker is its own: two jobs with one marker come from one request. */
export interface Order {
  task_type: string;
  payload: { marker: number; acts: Act[] };
  idempotency_key?: string;
  [more: string]: unknown;
}

const DAY_MS = 86_400_000;
const MAX_BATCH = 5;

/** What people schedule: single jobs and batches, with and without keys, and again what they have sent before. */
export class Orders {
  readonly #world: World;
  #marker = 0;
  /** What each person has sent with a key. */
  readonly #keyed = new Map<Person, Order[]>();
  /** The orders that were sent in one request, by each marker that is in no other. */
  readonly #together = new Map<number, Order[]>();

  constructor(world: World) {
    this.#world = world;
  }

  next(who: Person): Ask {
    const { people } = this.#world.chance;
    if (people.yes(0.7)) return this.#single(who, this.#one(who));
    const orders = Array.from({ length: people.between(1, MAX_BATCH) }, () => this.#one(who));
    for (const { payload, idempotency_key } of orders)
      if (idempotency_key === undefined) this.#together.set(payload.marker, orders);
    const judge = (answer: Answer) => judgeReceipt(this.#world, who, orders, answer, answer.body.items);
    return { who, endpoint: 'schedule-jobs', path: '/v1/jobs/batch', body: { jobs: orders }, judge };
  }

  /** A job of the simplest kind. */
  plain(who: Person): Ask {
    this.#marker += 1;
    return this.#single(who, { task_type: 'press', payload: { marker: this.#marker, acts: ['return'] } });
  }

  #single(who: Person, order: Order): Ask {
    const { idempotency_key: key, ...rest } = order;
    const inHeader = key !== undefined && this.#world.chance.people.yes(0.5);
    return {
      ...{ who, endpoint: 'schedule-job', path: '/v1/jobs', body: inHeader ? rest : order, keyed: key !== undefined },
      ...(inHeader && { headers: { 'idempotency-key': key } }),
      judge: (answer) => judgeReceipt(this.#world, who, [order], answer, [answer.body]),
    };
  }

  /** A new order, or with a key that was used before: the same again, or another under its key. */
  #one(who: Person): Order {
    const { people } = this.#world.chance;
    const sent = this.#keyed.get(who) ?? [];
    if (sent.length > 0 && people.yes(0.3) && this.#world.faults.inject('repeat')) {
      const earlier = people.pick(sent);
      return people.yes(0.8) ? earlier : { ...this.#fresh(), idempotency_key: earlier.idempotency_key as string };
    }
    const order = this.#fresh();
    if (people.yes(0.5)) return order;
    const keyed = { ...order, idempotency_key: `key ${order.payload.marker}` };
    this.#keyed.set(who, [...sent, keyed]);
    return keyed;
  }

  #fresh(): Order {
    const { pick, between, yes } = this.#world.chance.people;
    const delay = pick([0, 0, 0, 0, 100, 1500, 10 * DAY_MS]);
    this.#marker += 1;
    return {
      task_type: pick(['press', 'weave']),
      payload: { marker: this.#marker, acts: this.#acts() },
      max_retries: between(0, 2),
      priority: pick([0, 0, 0, 5, -5]),
      ...(delay > 0 && { delay_ms: delay }),
      ...(yes(0.3) && { timeout_ms: pick([100, 1000]) }),
    };
  }

  #acts(): Act[] {
    const { faults, chance } = this.#world;
    const { yes, pick, between } = chance.people;
    const acts: Act[] = [];
    if (faults.has('handler') && yes(0.4)) acts.push(...Array.from({ length: between(1, 3) }, () => pick(badActs)));
    if (faults.has('exit') && yes(0.07)) acts.push('exit');
    // The last act is repeated for good; a job that asks to run later for good would never end.
    const again = acts.length > 0 && acts.at(-1) !== 'throw RetryLater' && yes(0.3);
    return again ? acts : [...acts, pick(goodActs)];
  }

  /** When one job of a request is there, all of it are. */
  checkWhole(marker: number): void {
    const { byMarker } = this.#world.observer.ledger;
    const missing = (this.#together.get(marker) ?? []).filter(
      ({ payload }) => !byMarker.get(payload.marker)?.some(({ gone }) => gone === undefined),
    );
    if (missing.length > 0)
      this.#world.breach(1, `of a batch only a part was scheduled: ${JSON.stringify(missing)} is missing`);
  }
}
