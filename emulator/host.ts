import { copyFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { HttpBindings } from '@hono/node-server';
import { createFirstAdmin } from '../core/access/users.ts';
import { contextOf, type Env, type Logger } from '../core/context.ts';
import { type Settings, settingsTable } from '../core/settings.ts';
import { lookForWork, watchCommits } from './commits.ts';
import { type Loaded, loadFunctions } from './functions.ts';
import { GroupingPort } from './group-commit.ts';
import type { Hooks, Inside } from './hooks.ts';
import { closeGently, listen, urlOf } from './listen.ts';
import { makeLogger } from './log.ts';
import { inspect, migrate, pendingIn } from './migrate.ts';
import { makeOutbound } from './outbound.ts';
import { makeRouter } from './router.ts';
import { DatabaseError, openSqlite } from './sqlite.ts';
import { backUp } from './storage/backup.ts';
import { keepLogShort } from './storage/checkpoint.ts';
import { removeDraft } from './storage/files.ts';
import { warnOfReaders } from './storage/privacy.ts';
import { refuseBadCrons, Ticker } from './ticker.ts';

/** What one process does of the whole. */
export type Part = 'api' | 'processor' | 'coordinator';

export interface Host {
  /** Where the API listens, where it does. */
  url: string | undefined;
  /** Takes newly built functions into use. */
  reload(): Promise<void>;
  /** Stops gently: no new claims, running handlers get time to end, the rest goes back. */
  stop(): Promise<void>;
  inside: Inside;
}

/** Starts these parts of the system over one database file. Throws a SettingError, a DatabaseError or a plain Error with one line. */
export async function startHost(
  root: string,
  settings: Settings,
  parts: readonly Part[],
  hooks?: Hooks,
): Promise<Host> {
  refuseBadCrons(settings);
  const log = makeLogger(settings.LOG_LEVEL);
  let port = new GroupingPort(openDatabase(root, settings, log));
  const outbound = makeOutbound(settings.WEBHOOK_ALLOW_PRIVATE);
  const stopping = new AbortController();
  const texts = Object.fromEntries(Object.keys(settingsTable).map((name) => [name, process.env[name]]));
  const env: Env = { ...texts, DB: port, OUTBOUND: outbound, STOPPING: stopping.signal, LOG: log };
  if (hooks) {
    Object.assign(env, hooks.settings, { SOURCES: hooks.sources, OUTBOUND: hooks.outbound(outbound) });
    env.DB = hooks.database(() => port);
  }
  const load = async (): Promise<Loaded[]> => {
    const loaded = await loadFunctions(join(root, 'dist'));
    return hooks ? hooks.functions(loaded) : loaded;
  };
  let functions = await load();
  const ticker = new Ticker(env, functions);
  env.PROCESSOR = { fetch: async (url) => accepted(ticker, String(url)) };
  let router = makeRouter(functions, env);
  let server: Server | undefined;
  let unwatch = () => {};
  const look = () => lookForWork(env, ticker);
  const watch = () => {
    if (parts.includes('processor')) unwatch = watchCommits(port, look);
  };
  const use = (loaded: Loaded[]) => {
    functions = loaded;
    ticker.use(functions);
    router = makeRouter(functions, env);
  };
  let checkpoints = keepLogShort(settings.DB_PATH, log);

  const close = async () => {
    hooks?.closing();
    unwatch();
    stopping.abort();
    const closed = server && closeGently(server);
    await ticker.stop();
    await closed;
    await outbound.close();
    await checkpoints.stop();
    port.db.close();
  };
  try {
    if (parts.includes('api')) {
      server = await listen(settings, log, (request, bindings) =>
        hooks
          ? hooks.answer(request, bindings as HttpBindings, (asked) => router.fetch(asked, bindings))
          : router.fetch(request, bindings),
      );
      await announce(env, settings, urlOf(server, settings));
    } else log('info', 'started', { parts: parts.join(', '), database: settings.DB_PATH });
  } catch (error) {
    await close();
    throw error;
  }
  // Last: a system that did not come up has run nothing.
  if (parts.includes('coordinator')) ticker.schedule('coordinate', settings.COORDINATE_CRON);
  if (parts.includes('processor')) {
    ticker.schedule('process-batch', settings.PROCESS_CRON);
    watch();
  }

  return {
    url: server && urlOf(server, settings),
    reload: async () => use(await load()),
    async stop() {
      log('info', 'stopping');
      await close();
    },
    inside: {
      runtime: 'node',
      env,
      use: (loaded) => use(hooks ? hooks.functions(loaded) : [...loaded]),
      look,
      copyDatabase: async (path) => void (await backUp(settings.DB_PATH, path, join(root, 'migrations'))),
      async replaceDatabase(path) {
        unwatch();
        await checkpoints.stop();
        port.db.close();
        replaceFiles(settings.DB_PATH, path);
        port = new GroupingPort(openDatabase(root, settings, log));
        checkpoints = keepLogShort(settings.DB_PATH, log);
        watch();
      },
    },
  };
}

/** Puts a copy of a database file, or nothing, in the place of another and of what SQLite keeps beside it. */
function replaceFiles(path: string, by?: string): void {
  removeDraft(path);
  if (by) copyFileSync(by, path);
}

function openDatabase(root: string, settings: Settings, log: Logger) {
  const folder = join(root, 'migrations');
  inspect(settings.DB_PATH, folder);
  const db = openSqlite(settings.DB_PATH, settings.DB_SYNCHRONOUS);
  warnOfReaders(settings.DB_PATH, log);
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

/** Makes the first admin where there is none and prints its token, then says where the API listens. */
export async function announce(env: Env, settings: Settings, url: string): Promise<void> {
  if (!settings.BOOTSTRAP_ADMIN_TOKEN) {
    const token = await createFirstAdmin(contextOf(env));
    // Plainly, once, whatever LOG_LEVEL says: it is written nowhere else.
    if (token) process.stdout.write(`admin token: ${token}\n`);
  }
  env.LOG?.('info', 'listening', { url, database: settings.DB_PATH });
}
