import { Agent, fetch } from 'undici';
import type { Logger } from '../../core/context.ts';
import { Problem } from '../../core/http/problem.ts';
import { refuse } from '../refuse.ts';

// Headers of one connection, not of the request (RFC 9110, 7.6.1).
const ofConnection = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'expect', 'host'];

/** Hands requests on to workerd, each with the address it came from. */
export class Forwarder {
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  async forward(request: Request, to: URL, client = 'unknown'): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ofConnection) headers.delete(name);
    headers.set('cf-connecting-ip', client);
    // What came compressed would be handed on unpacked, under a header that says it is packed.
    headers.set('accept-encoding', 'identity');
    try {
      const answer = await fetch(new URL(pathname + search, to), {
        method: request.method,
        headers: Object.fromEntries(headers),
        body: request.body as never,
        duplex: 'half',
        redirect: 'manual',
        dispatcher: this.#agent,
      });
      return answer as unknown as Response;
    } catch {
      const again = { headers: { 'retry-after': '1' } };
      const problem = new Problem('database_unavailable', 'The runtime does not answer; it may be restarting.', again);
      return refuse(this.#log, problem);
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
