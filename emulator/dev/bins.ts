import { toTimestamp } from '../../core/context.ts';
import { Problem } from '../../core/http/problem.ts';
import { BIN } from './guard.ts';
import { Ring } from './ring.ts';

const MAX_BINS = 100;
const MAX_REQUESTS = 200;
export const MAX_KEPT_CHARACTERS = 65_536;

/** What a bin answers. */
export interface BinAnswer {
  status: number;
  delay_ms: number;
  headers?: Record<string, string> | undefined;
  body?: string | undefined;
}

interface Received {
  at: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

interface Bin {
  answer: BinAnswer;
  requests: Ring<Received>;
}

/** Receivers for webhooks: each keeps what it was sent, and answers as it was told. */
export class Bins {
  readonly #bins = new Map<string, Bin>();
  readonly #now: () => number;
  readonly #origin: () => string;

  constructor(now: () => number, origin: () => string) {
    this.#now = now;
    this.#origin = origin;
  }

  get items() {
    return [...this.#bins].map(([name, { answer, requests }]) => ({
      ...{ name, url: `${this.#origin()}${BIN}${name}` },
      ...answer,
      requests: requests.items.length,
    }));
  }

  /** Tells a bin what to answer; it is made where there is none. */
  put(name: string, answer: BinAnswer) {
    this.#bin(name).answer = answer;
    return this.items.find((bin) => bin.name === name);
  }

  requests(name: string): Ring<Received> {
    const bin = this.#bins.get(name);
    if (!bin) throw new Problem('not_found', 'There is no bin of this name.');
    return bin.requests;
  }

  async receive(name: string, request: Request): Promise<Response> {
    const bin = this.#bin(name);
    const { pathname, search } = new URL(request.url);
    bin.requests.add({
      at: toTimestamp(this.#now()),
      method: request.method,
      path: pathname + search,
      headers: Object.fromEntries(request.headers),
      body: (await request.text()).slice(0, MAX_KEPT_CHARACTERS),
    });
    const { status, delay_ms, headers, body = '' } = bin.answer;
    // By the time of the world: a receiver knows nothing of the emulator's clock.
    await new Promise((resolve) => setTimeout(resolve, delay_ms));
    return new Response([204, 205, 304].includes(status) ? null : body, { status, ...(headers && { headers }) });
  }

  clear(): void {
    this.#bins.clear();
  }

  #bin(name: string): Bin {
    if (!/^[\w.-]{1,64}$/.test(name))
      throw new Problem('bad_parameter', `A bin's name is 1 to 64 letters, digits, '_', '.' or '-'.`);
    let bin = this.#bins.get(name);
    if (!bin) {
      if (this.#bins.size >= MAX_BINS) throw new Problem('bad_parameter', `There are ${MAX_BINS} bins already.`);
      bin = { answer: { status: 200, delay_ms: 0 }, requests: new Ring(MAX_REQUESTS) };
      this.#bins.set(name, bin);
    }
    return bin;
  }
}
