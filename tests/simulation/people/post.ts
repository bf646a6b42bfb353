import type { Endpoint } from '../../../core/http/endpoint.ts';
import { endpoints } from '../../../functions/index.ts';
import type { Host } from '../world/host.ts';
import { SimulatedPort } from '../world/port.ts';
import type { World } from '../world/world.ts';

export interface Person {
  id: string;
  token: string;
  admin: boolean;
}

/** A request, and how its answer is judged. */
export interface Ask {
  who: Person;
  endpoint: string;
  path: string;
  body?: object;
  headers?: Record<string, string>;
  /** Whether it carries an idempotency key, so that it may be sent twice. */
  keyed?: boolean;
  judge(answer: Answer, ask: Ask): void;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each judge reads what its route answers
  body: any;
  replayed: boolean;
  /** The step in which the request was sent. */
  since: number;
}

const named = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));

/** Brings requests to hosts, where the real functions answer them, and answers to their judges. */
export class Post {
  /** How many answers of each status there were; `none` where the host died first. */
  readonly answers: Record<string, number> = { none: 0 };
  readonly #waiting = new Map<Host, number>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Sends a request to some host, where it runs as a strand of its own. */
  send(ask: Ask): void {
    const host = this.#world.anyHost();
    if (!host) return;
    this.#waiting.set(host, (this.#waiting.get(host) ?? 0) + 1);
    void this.#deliver(ask, host);
  }

  /** The requests on a host that died are never answered. */
  abandon(host: Host): void {
    this.answers.none = (this.answers.none ?? 0) + (this.#waiting.get(host) ?? 0);
    this.#waiting.delete(host);
  }

  async #deliver(ask: Ask, host: Host): Promise<void> {
    const since = this.#world.step;
    const port = new SimulatedPort(this.#world, host, 'request');
    const endpoint = named.get(ask.endpoint) as Endpoint;
    const response = await endpoint.fetch(requestOf(endpoint, ask), host.newEnv(port));
    const { status, headers } = response;
    this.#waiting.set(host, (this.#waiting.get(host) ?? 1) - 1);
    this.answers[status] = (this.answers[status] ?? 0) + 1;
    const body = await response.json();
    this.#world.note(`  ${ask.who.id.slice(-4)} ${ask.path} ${status} ${body.code ?? body.id ?? ''}`);
    if (status === 429) this.#limited(ask);
    else if (status >= 500) this.#failed(ask, port, body);
    else ask.judge({ status, body, replayed: headers.has('idempotent-replayed'), since }, ask);
  }

  /** A fault is answered 503, and only a fault; it may not be called harmless when it was not. */
  #failed(ask: Ask, port: SimulatedPort, body: { status: number; detail: string }): void {
    const harmless = /nothing was changed/.test(body.detail);
    this.#expect(
      port.harmed && [503, 507].includes(body.status),
      ask,
      `answered ${JSON.stringify(body)} without a fault`,
    );
    this.#expect(!(harmless && port.changed), ask, `answered "${body.detail}", and a job was changed`);
  }

  #limited(ask: Ask): void {
    const { plan, faults } = this.#world;
    this.#expect(plan.faults.has('limit'), ask, 'a limit that nobody reaches');
    faults.counts.limit += 1;
  }

  #expect(well: boolean, { path }: Ask, text: string): void {
    if (!well) this.#world.breach('answer', `${path}: ${text}`);
  }
}

function requestOf({ method }: Endpoint, { who, path, body, headers }: Ask): Request {
  return new Request(`http://simulated${path}`, {
    method,
    headers: { 'x-user-auth': who.token, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}
