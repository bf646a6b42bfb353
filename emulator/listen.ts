import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from '../core/context.ts';
import type { Settings } from '../core/settings.ts';
import { refuseTarget, refuseWithProblems } from './refuse.ts';

type Answer = Parameters<typeof getRequestListener>[0];

/** Listens for requests. Throws a plain Error with one line where the address or the port cannot be had. */
export async function listen({ PORT, HOST }: Settings, log: Logger, fetch: Answer): Promise<Server> {
  const limits = { headersTimeout: 15_000, requestTimeout: 30_000, keepAliveTimeout: 5000, requireHostHeader: false };
  const server = createServer(limits, getRequestListener(fetch, { errorHandler: () => refuseTarget(log) }));
  refuseWithProblems(server, log);
  server.listen(PORT, HOST);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'EADDRINUSE'
        ? `PORT is ${PORT}, which another program on ${HOST} has taken.`
        : `HOST is ${HOST} and PORT is ${PORT}; the API cannot listen there: ${message}.`,
    );
  }
}

/** Where it listens. */
export function urlOf(server: Server, { HOST }: Settings): string {
  const { port } = server.address() as AddressInfo;
  return `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${port}`;
}

const CLOSE_WITHIN_MS = 6000;

/** Stops listening and lets requests under way end, for a while. */
export async function closeGently(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(timer);
}
