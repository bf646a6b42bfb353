import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { createFirstAdmin } from '../core/access/users.ts';
import { contextOf, type Env, type Logger } from '../core/context.ts';
import { type Settings, settingsTable } from '../core/settings.ts';
import { loadFunctions } from './functions.ts';
import { makeLogger } from './log.ts';
import { inspect, migrate, pendingIn } from './migrate.ts';
import { makeOutbound } from './outbound.ts';
import { makeRouter } from './router.ts';
import { DatabaseError, openSqlite, SqlitePort } from './sqlite.ts';
import { Ticker } from './ticker.ts';

/** What one process does of the whole. */
export type Part = 'api' | 'processor' | 'coordinator';

export interface Host {
  /** Where the API listens, where it does. */
  url: string | undefined;
  /** Takes newly built functions into use. */
  reload(): Promise<void>;
  /** Stops gently: no new claims, running handlers get time to end, the rest goes back. */
  stop(): Promise<void>;
}

/** How often a processor looks whether another process has committed something. */
const POLL_MS = 5;

/** Starts these parts of the system over one database file. Throws a DatabaseError or a plain Error with one line. */
export async function startHost(root: string, settings: Settings, parts: readonly Part[]): Promise<Host> {
  const log = makeLogger(settings.LOG_LEVEL);
  const db = openDatabase(root, settings, log);
  const outbound = makeOutbound(settings.WEBHOOK_ALLOW_PRIVATE);
  const stopping = new AbortController();
  const texts = Object.fromEntries(Object.keys(settingsTable).map((name) => [name, process.env[name]]));
  const env: Env = { ...texts, DB: new SqlitePort(db), OUTBOUND: outbound, STOPPING: stopping.signal, LOG: log };
  let functions = await loadFunctions(join(root, 'dist'));
  const ticker = new Ticker(env, functions);
  env.PROCESSOR = { fetch: async (url) => accepted(ticker, String(url)) };
  if (parts.includes('processor')) {
    ticker.schedule('process-batch', settings.PROCESS_CRON);
  }
  if (parts.includes('coordinator')) ticker.schedule('coordinate', settings.COORDINATE_CRON);
  const poll = parts.includes('processor') ? watchCommits(db, () => ticker.poke('process-batch')) : undefined;

  let router = makeRouter(functions, env);
  const server = parts.includes('api')
    ? await listen(settings, (request, bindings) => router.fetch(request, bindings))
    : undefined;
  if (server) await announce(env, settings, urlOf(server, settings));
  else log('info', 'started', { parts: parts.join(', '), database: settings.DB_PATH });

  return {
    url: server && urlOf(server, settings),
    async reload() {
      functions = await loadFunctions(join(root, 'dist'));
      ticker.use(functions);
      router = makeRouter(functions, env);
    },
    async stop() {
      log('info', 'stopping');
      clearInterval(poll);
      stopping.abort();
      const closed = server && closeGently(server);
      await ticker.stop();
      await closed;
      await outbound.close();
      db.close();
    },
  };
}

function openDatabase(root: string, settings: Settings, log: Logger) {
  const folder = join(root, 'migrations');
  inspect(settings.DB_PATH, folder);
  const db = openSqlite(settings.DB_PATH, settings.DB_SYNCHRONOUS);
  if (settings.MIGRATE_ON_START) {
    const applied = migrate(db, folder);
    if (applied.length > 0) log('info', 'migrated', { applied });
    return db;
  }
  const pending = pendingIn(db, folder);
  if (pending.length === 0) return db;
  db.close();
  throw new DatabaseError(
    `${settings.DB_PATH} lacks the migrations ${pending.join(', ')}; run npm run migrate, or set MIGRATE_ON_START=true.`,
  );
}

/** The wake, without HTTP: the tick is in this process, or in one that notices the commit. */
function accepted(ticker: Ticker, url: string): Response {
  ticker.poke(url.replace(/^.*\//, ''));
  return new Response(null, { status: 202 });
}

/** Calls back when another connection has committed; data_version costs about a microsecond to read. */
function watchCommits(db: ReturnType<typeof openSqlite>, changed: () => void): NodeJS.Timeout {
  const read = db.prepare('PRAGMA data_version').pluck();
  let seen = read.get();
  return setInterval(() => {
    const now = read.get();
    if (now === seen) return;
    seen = now;
    changed();
  }, POLL_MS);
}

type Answer = Parameters<typeof createAdaptorServer>[0]['fetch'];

async function listen({ PORT, HOST }: Settings, fetch: Answer): Promise<Server> {
  const limits = { headersTimeout: 15_000, requestTimeout: 30_000, keepAliveTimeout: 5000 };
  const server = createAdaptorServer({ fetch, serverOptions: limits }) as Server;
  server.listen(PORT, HOST);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'EADDRINUSE'
        ? `PORT is ${PORT}, which another program on ${HOST} has taken.`
        : `The API cannot listen on ${HOST}:${PORT}: ${message}`,
    );
  }
}

function urlOf(server: Server, { HOST }: Settings): string {
  const { port } = server.address() as AddressInfo;
  return `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${port}`;
}

async function announce(env: Env, settings: Settings, url: string): Promise<void> {
  if (!settings.BOOTSTRAP_ADMIN_TOKEN) {
    const token = await createFirstAdmin(contextOf(env));
    // Plainly, once, whatever LOG_LEVEL says: it is written nowhere else.
    if (token) process.stdout.write(`admin token: ${token}\n`);
  }
  env.LOG?.('info', 'listening', { url, database: settings.DB_PATH });
}

const CLOSE_WITHIN_MS = 6000;

/** Stops listening and lets requests under way end, for a while. */
async function closeGently(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(timer);
}
