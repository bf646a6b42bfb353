import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from '../core/context.ts';
import type { Settings } from '../core/settings.ts';
import { refuseTarget, refuseWithProblems } from './refuse.ts';

type Answer = Parameters<typeof getRequestListener>[0];

/** What a connection may take, in milliseconds, and how many there may be. */
export const connectionLimits = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  // Node looks for requests that are late every 30 s where nothing is said: a timeout would be double as long.
  connectionsCheckingInterval: 1000,
  maxConnections: 5000,
};

/** Listens for requests. Throws a plain Error with one line where the address or the port cannot be had. */
export async function listen(
  { PORT, HOST }: Settings,
  log: Logger,
  fetch: Answer,
  limits = connectionLimits,
): Promise<Server> {
  const listener = getRequestListener(fetch, { errorHandler: () => refuseTarget(log) });
  const server = createServer({ ...limits, requireHostHeader: false }, listener);
  server.maxConnections = limits.maxConnections;
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

const LOOK_MS = 50;

/** Stops listening and lets requests under way end, for a while. */
export async function closeGently(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A page that watches asks anew on its connection when an answer has ended: that one is the last.
  server.prependListener('request', (_, response) => response.setHeader('connection', 'close'));
  const looks = setInterval(() => server.closeIdleConnections(), LOOK_MS);
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await closed;
  clearInterval(looks);
  clearTimeout(timer);
}
