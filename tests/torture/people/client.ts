import type { Job } from '../../../core/lifecycle/job.ts';
import type { Chance } from '../../simulation/world/chance.ts';
import { pause } from '../../support/server.ts';
import type { Ledger, Order } from './ledger.ts';
import { newOrder } from './orders.ts';

/** Who a client is, and where the API may be found. */
export interface Place {
  owner: string;
  token: string;
  urls(): string[];
  receiver: string;
  ledger: Ledger;
  chance: Chance;
}

interface Answer {
  status: number;
  replayed: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: each judge reads what its route answers
  body: any;
}

/** Time after which a client thinks that its answer is lost. */
const PATIENCE_MS = 4000;
const MAX_BATCH = 12;
const REMEMBERED = 200;

/** Somebody who schedules, repeats, cancels, redrives and looks, one request after another, whatever breaks. */
export class Client {
  readonly #place: Place;
  /** Orders with a key, answered or not, that may be sent again. */
  readonly #keyed: Order[] = [];
  /** Orders whose last answer was lost. */
  readonly #unsure: Order[] = [];
  readonly #mine: Order[] = [];

  constructor(place: Place) {
    this.#place = place;
  }

  /** Goes on until `over`; then repeats what was never answered until it is, while the API can be reached. */
  async run(over: () => boolean): Promise<void> {
    while (!over()) {
      await this.#act();
      await pause(this.#place.chance.between(2, 40));
    }
  }

  /** Asks again for everything with a key whose answer was lost. */
  async insist(): Promise<void> {
    for (let tries = 0; this.#unsure.length > 0 && tries < 200; tries++) {
      await this.#schedule(this.#unsure.shift() as Order);
      await pause(5);
    }
    if (this.#unsure.length > 0) this.#place.ledger.complain(`${this.#unsure.length} repeats were never answered`);
  }

  /** Remembers nothing of what it has asked for. */
  forget(): void {
    for (const list of [this.#keyed, this.#unsure, this.#mine]) list.length = 0;
  }

  async #act(): Promise<void> {
    const { chance } = this.#place;
    const act = chance.weighted({ single: 40, keyed: 20, batch: 8, repeat: 12, cancel: 5, redrive: 4, look: 15 });
    const one = this.#mine.length > 0 ? chance.pick(this.#mine) : undefined;
    if (act === 'single') await this.#schedule(this.#new());
    else if (act === 'keyed') await this.#scheduleKeyed();
    else if (act === 'batch') await this.#scheduleBatch();
    else if (act === 'repeat') await this.#repeat();
    else if (one && act === 'cancel') await this.#cancel(one);
    else if (one && act === 'redrive') await this.#redrive(one);
    else if (one && act === 'look') await this.#look(one);
  }

  #new(): Order {
    const { chance, ledger, owner, receiver } = this.#place;
    return newOrder(chance, ledger, owner, receiver);
  }

  async #scheduleKeyed(): Promise<void> {
    const order = this.#new();
    order.body.idempotency_key = `order ${order.marker}`;
    this.#keyed.push(order);
    if (this.#keyed.length > REMEMBERED) this.#keyed.shift();
    await this.#schedule(order);
  }

  /** First what was never answered, else anything sent before. */
  async #repeat(): Promise<void> {
    const order = this.#unsure.shift() ?? (this.#keyed.length > 0 ? this.#place.chance.pick(this.#keyed) : undefined);
    if (order) await this.#schedule(order);
  }

  async #schedule(order: Order): Promise<void> {
    const answer = await this.#ask('POST', '/v1/jobs', order.body);
    if (answer && (answer.status === 200 || answer.status === 201)) this.#accept(order, answer.body, answer.replayed);
    else if (answer && answer.status < 500) this.#surprise('POST /v1/jobs', answer);
    else if (order.body.idempotency_key !== undefined) this.#unsure.push(order);
  }

  async #scheduleBatch(): Promise<void> {
    const orders = Array.from({ length: this.#place.chance.between(2, MAX_BATCH) }, () => this.#new());
    for (const order of orders) order.together = orders;
    const answer = await this.#ask('POST', '/v1/jobs/batch', { jobs: orders.map(({ body }) => body) });
    if (answer?.status === 201) {
      for (const [i, order] of orders.entries()) this.#accept(order, answer.body.items[i], false);
    } else if (answer && answer.status < 500) this.#surprise('POST /v1/jobs/batch', answer);
  }

  #accept(order: Order, job: Job, replayed: boolean): void {
    if (order.id === undefined) this.#mine.push(order);
    if (this.#mine.length > REMEMBERED) this.#mine.shift();
    this.#place.ledger.accept(order, job, replayed);
  }

  async #cancel(order: Order): Promise<void> {
    order.cancel ??= 'asked';
    const answer = await this.#ask('POST', `/v1/jobs/${order.id}/cancel`);
    if (answer?.status === 200) {
      order.cancel = 'accepted';
      this.#place.ledger.see(answer.body);
    } else if (answer && answer.status !== 409 && answer.status < 500) this.#surprise('cancel', answer);
  }

  async #redrive(order: Order): Promise<void> {
    const answer = await this.#ask('POST', `/v1/jobs/${order.id}/redrive`, { reason: 'torture' });
    if (answer?.status === 200) this.#place.ledger.redrives += 1;
    else if (answer && answer.status !== 409 && answer.status < 500) this.#surprise('redrive', answer);
  }

  async #look(order: Order): Promise<void> {
    const answer = await this.#ask('GET', `/v1/jobs/${order.id}`);
    if (answer?.status === 200) this.#place.ledger.see(answer.body);
    else if (answer && answer.status < 500) this.#surprise(`GET ${order.id}`, answer);
  }

  /** Sends a request to any of the APIs; undefined where no answer came. */
  async #ask(method: string, path: string, body?: object): Promise<Answer | undefined> {
    const { urls, chance, token, ledger } = this.#place;
    const headers = { 'x-user-auth': token, ...(body && { 'content-type': 'application/json' }) };
    try {
      const response = await fetch(chance.pick(urls()) + path, {
        ...{ method, headers, signal: AbortSignal.timeout(PATIENCE_MS) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const { status } = response;
      const text = await response.text();
      ledger.count(status);
      const answer = { status, replayed: response.headers.has('idempotent-replayed'), body: JSON.parse(text) };
      if (status >= 500 && ![503, 507].includes(status)) this.#surprise(`${method} ${path}`, answer);
      if (status >= 400 && answer.body.code === undefined) this.#surprise(`${method} ${path}`, answer);
      return answer;
    } catch (error) {
      if (error instanceof SyntaxError) ledger.complain(`${method} ${path} was answered with what is not JSON`);
      ledger.count('none');
      // Nobody is there: a client that is no fool waits a little.
      await pause(100);
      return undefined;
    }
  }

  #surprise(what: string, { status, body }: Answer): void {
    this.#place.ledger.complain(`${what} was answered ${status} ${JSON.stringify(body).slice(0, 300)}`);
  }
}
