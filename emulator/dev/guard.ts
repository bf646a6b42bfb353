import type { HttpBindings } from '@hono/node-server';
import { admit } from '../../core/access/admit.ts';
import { type Context, contextOf, type Env } from '../../core/context.ts';
import { Problem } from '../../core/http/problem.ts';

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:(\d+))?$/;

/** Whether this is a name under which only this machine is reached. */
export const isLoopback = (host: string): boolean => ['localhost', '127.0.0.1', '::1'].includes(host);

/** A bin is called by webhooks, which know no token. */
export const BIN = '/__emulator/bin/';

/**
 * Admits whoever may use the emulator's powers: a program on this machine, or a page of the emulator itself. A page
 * of elsewhere shows by its Origin, and a name that was made to point here by its Host. Where the API listens for
 * other machines, too, an admin's token is needed. Throws a Problem for all others.
 */
export async function guard(request: Request, { incoming }: HttpBindings, env: Env, HOST: string): Promise<void> {
  const refuse = (detail: string): Problem => new Problem('forbidden', detail);
  const { pathname } = new URL(request.url);
  const isBin = pathname.startsWith(BIN);
  const origin = request.headers.get('origin');
  const host = request.headers.get('host') ?? '';
  if (origin !== null && origin !== `http://${host}`)
    throw refuse('The emulator takes no requests from pages of another origin.');
  if (!isBin && request.headers.has('webhook-id')) throw refuse('Webhooks may call bins, and nothing else here.');
  const peer = incoming.socket.remoteAddress ?? '';
  if (!isLoopback(HOST)) {
    if (!(isBin && /^(::ffff:)?127\.|^::1$/.test(peer))) await admit(contextOf(env) as Context, request, 'admin');
    return;
  }
  const [, , , port = '80'] = loopback.exec(host) ?? [];
  if (!loopback.test(host) || Number(port) !== incoming.socket.localPort)
    throw refuse(`The emulator answers to localhost:${incoming.socket.localPort}, not to ${host.slice(0, 100)}.`);
}
