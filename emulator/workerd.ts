import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import type { HttpBindings } from '@hono/node-server';
import type { Miniflare } from 'miniflare';
import type { Env, Logger } from '../core/context.ts';
import type { Database } from '../core/database.ts';
import type { Settings } from '../core/settings.ts';
import { STOP, TELL } from './deploy/between.ts';
import { migrateD1, pendingInD1 } from './deploy/migrate-d1.ts';
import { Between } from './dev/between.ts';
import type { Hooks } from './hooks.ts';
import { announce, type Host } from './host.ts';
import { closeGently, listen, urlOf } from './listen.ts';
import { makeLogger } from './log.ts';
import { makeOutbound } from './outbound.ts';
import { DatabaseError } from './sqlite.ts';
import { warnOfReaders } from './storage/privacy.ts';
import { refuseBadCrons, Ticker } from './ticker.ts';
import { copyD1, replaceD1 } from './workerd/file.ts';
import { Forwarder } from './workerd/forward.ts';
import { loadMiniflare, startApart } from './workerd/start.ts';
import { waitSteadily } from './workerd/steady-wait.ts';
import { settingTexts, workerOptions } from './workerd/worker.ts';

/** Time that the Worker gets to end its ticks before it is ended. */
const STOP_WITHIN_MS = 8000;

/** Where the clock may stand, a tick that began before the last cron says nothing of what is due now. */
const CRON_MS = 900;

/** Starts the whole system in workerd, as it runs on Cloudflare, behind the port and the crons of this process. */
export async function startWorkerd(root: string, settings: Settings, hooks?: Hooks): Promise<Host> {
  refuseBadCrons(settings);
  waitSteadily();
  await loadMiniflare();
  const log = makeLogger(settings.LOG_LEVEL);
  const outbound = makeOutbound(settings.WEBHOOK_ALLOW_PRIVATE);
  const folder = resolve(dirname(settings.DB_PATH), 'workerd');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  warnOfReaders(folder, log);
  let ticker: Ticker | undefined;
  const dev = hooks && { hooks, wake: (name: string) => void (hooks.crons && callTick(name).catch(() => {})) };
  const options = () => workerOptions(join(root, 'dist'), folder, outbound, log, dev);
  let runtime = await startApart(root, await options());
  const forwarder = new Forwarder(log);
  let ready = runtime.ready;
  let server: Server | undefined;
  let db: Database;
  // What stood for the database in another life of the runtime is of no use in the next.
  const findDatabase = async () => {
    db = (await runtime.getD1Database('DB')) as unknown as Database;
  };
  /** Ends the runtime's life without a word to the Worker, and begins another. */
  const restart = () => {
    ready = (async () => {
      await runtime.setOptions(await options());
      await findDatabase();
      return runtime.ready;
    })();
    return ready;
  };

  /** What was under way when the runtime was ended on purpose has not failed. */
  const callCron = async (name: string): Promise<void> => {
    await ready;
    const life = ready;
    await callSchedule(runtime, name).catch((error) => {
      if (life === ready) throw error;
    });
  };
  /** Runs a tick beside those that run already; its counts. */
  const callTick = async (name: string): Promise<Record<string, number>> => {
    const headers = { 'x-tick-secret': String(env.TICK_SECRET) };
    const request = new Request(`http://host/v1/ticks/${name}`, { method: 'POST', headers });
    return (await forwarder.forward(request, await ready)).json() as Promise<Record<string, number>>;
  };

  const close = async () => {
    hooks?.closing();
    if (hooks) await callSchedule(runtime, TELL + JSON.stringify(hooks.told())).catch(() => {});
    const ended = [server && closeGently(server), ticker?.stop(), callSchedule(runtime, STOP)];
    await Promise.race([Promise.allSettled(ended), new Promise((end) => setTimeout(end, STOP_WITHIN_MS).unref())]);
    await Promise.all([runtime.dispose(), forwarder.close(), outbound.close()]);
  };
  const env: Env = {
    ...settingTexts(),
    ...(hooks && { ...hooks.settings, SOURCES: hooks.sources }),
    DB: new Between(
      () => db,
      (_, call) => call(),
    ),
    LOG: log,
  };
  try {
    await findDatabase();
    await migrate(env.DB, join(root, 'migrations'), settings, folder, log);
    const ticks = ticksOf(callCron, hooks ? CRON_MS : settings.TICK_BUDGET_MS);
    ticker = new Ticker(env, hooks ? hooks.functions(ticks) : ticks);
    const forward = async (request: Request, { incoming }: HttpBindings) =>
      forwarder.forward(request, await ready, incoming.socket?.remoteAddress);
    server = await listen(settings, log, async (request, peer) => {
      const own = peer as HttpBindings;
      return hooks ? hooks.answer(request, own, (asked) => forward(asked, own)) : forward(request, own);
    });
    await announce(env, { ...settings, DB_PATH: folder }, urlOf(server, settings));
  } catch (error) {
    await close();
    throw error;
  }
  ticker.schedule('coordinate', settings.COORDINATE_CRON);
  ticker.schedule('process-batch', settings.PROCESS_CRON);

  return {
    url: urlOf(server, settings),
    async reload() {
      // Requests that come meanwhile wait for the new code.
      ready = callSchedule(runtime, STOP).then(restart);
      await ready;
    },
    async stop() {
      log('info', 'stopping');
      await close();
    },
    inside: {
      runtime: 'workerd',
      env,
      use: () => {},
      look: () => dev?.wake('process-batch'),
      tell: async () => hooks && callSchedule(runtime, TELL + JSON.stringify(hooks.told())),
      kill: async () => void (await restart()),
      tick: callTick,
      copyDatabase: async (path) => copyD1(folder, path),
      async replaceDatabase(path) {
        ready = (async () => {
          await runtime.dispose();
          replaceD1(folder, path);
          runtime = await startApart(root, await options());
          await findDatabase();
          return runtime.ready;
        })();
        await ready;
        await migrate(env.DB, join(root, 'migrations'), { ...settings, MIGRATE_ON_START: true }, folder, log);
      },
    },
  };
}

/** Calls what the Worker has for this schedule, and waits until it has ended. */
async function callSchedule(runtime: Miniflare, cron: string): Promise<void> {
  const worker = (await runtime.getWorker()) as unknown as { scheduled(event: { cron: string }): Promise<unknown> };
  await worker.scheduled({ cron });
}

async function migrate(db: Database, migrations: string, { MIGRATE_ON_START }: Settings, folder: string, log: Logger) {
  if (MIGRATE_ON_START) {
    const applied = await migrateD1(db, migrations);
    if (applied.length > 0) log('info', 'migrated', { applied });
    return;
  }
  const pending = await pendingInD1(db, migrations);
  if (pending.length === 0) return;
  throw new DatabaseError(
    `The database in ${folder} lacks the migrations ${pending.join(', ')}; set MIGRATE_ON_START=true.`,
  );
}

/** The ticks as the Worker runs them; it logs them itself. One that still takes work needs no other beside it. */
function ticksOf(call: (name: string) => Promise<void>, budget: number): ConstructorParameters<typeof Ticker>[1] {
  const since = new Map<string, number>();
  const run = async (name: string): Promise<void> => {
    const start = Date.now();
    if (start - (since.get(name) ?? 0) < budget) return;
    since.set(name, start);
    try {
      await call(name);
    } finally {
      if (since.get(name) === start) since.delete(name);
    }
  };
  return ['coordinate', 'process-batch'].map((name) => ({
    ...{ name, kind: 'tick', file: '', method: 'POST', path: '', summary: '' },
    fetch: async () => Response.error(),
    scheduled: async () => run(name).then(() => ({ joined: 1 })),
  }));
}
