import { toTimestamp } from '../../core/context.ts';
import { Problem } from '../../core/http/problem.ts';
import { MAX_KEPT_CHARACTERS } from './bins.ts';
import { Ring } from './ring.ts';

const MAX_KEPT = 100;

interface Kept {
  at: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
  status: number;
  ms: number;
}

type Answer = (request: Request) => Response | Promise<Response>;

/** The newest requests to the API. What reads and what writes is kept apart, so that polling does not push out the rest. */
export class RequestLog {
  readonly #requests = new Ring<Kept>(MAX_KEPT, ({ method }) => reads(method));
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Newest first. A token is in the log, for the replay, but it is not shown. */
  get items() {
    return this.#requests.items.map(hideSecrets);
  }

  async keep(request: Request, answer: Answer): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const { method } = request;
    const start = performance.now();
    const at = toTimestamp(this.#now());
    const body = request.body ? textOf(request.clone()) : null;
    const response = await answer(request);
    const ms = Math.round((performance.now() - start) * 100) / 100;
    const headers = Object.fromEntries(request.headers);
    const path = pathname + search;
    this.#requests.add({ at, method, path, headers, body: await body, status: response.status, ms });
    return response;
  }

  /** Sends a request again, changed where `change` says so. */
  async replay(
    id: string,
    change: { body?: unknown; headers?: Record<string, string> | undefined },
    origin: string,
    answer: Answer,
  ): Promise<{ status: number; body: unknown }> {
    const kept = this.#requests.find(id);
    if (!kept) throw new Problem('not_found', 'There is no request with this id.');
    const { 'content-length': _, ...headers } = kept.headers;
    const body =
      change.body === undefined
        ? kept.body
        : typeof change.body === 'string'
          ? change.body
          : JSON.stringify(change.body);
    const sent = new Request(origin + kept.path, {
      method: kept.method,
      headers: { ...headers, ...change.headers },
      ...(body !== null && !reads(kept.method) && { body }),
    });
    const response = await this.keep(sent, answer);
    return { status: response.status, body: parsed(await response.text()) };
  }

  clear(): void {
    this.#requests.clear();
  }
}

const reads = (method: string): boolean => method === 'GET' || method === 'HEAD';

const secret = /^(x-user-auth|x-tick-secret|authorization|cookie)$/;

const hideSecrets = <Item extends Kept>(item: Item): Item => ({
  ...item,
  headers: Object.fromEntries(
    Object.entries(item.headers).map(([name, value]) => [name, secret.test(name) ? '(hidden)' : value]),
  ),
});

/** A body that is broken off, or longer than is kept, is none that could be sent again whole. */
async function textOf(request: Request): Promise<string | null> {
  const text = await request.text().catch(() => null);
  return text && text.length > MAX_KEPT_CHARACTERS ? text.slice(0, MAX_KEPT_CHARACTERS) : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
