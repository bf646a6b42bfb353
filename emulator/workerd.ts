import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import type { Miniflare } from 'miniflare';
import type { Logger } from '../core/context.ts';
import type { Database } from '../core/database.ts';
import type { Settings } from '../core/settings.ts';
import { STOP } from './deploy/between.ts';
import { migrateD1, pendingInD1 } from './deploy/migrate-d1.ts';
import { announce, type Host } from './host.ts';
import { closeGently, listen, urlOf } from './listen.ts';
import { makeLogger } from './log.ts';
import { makeOutbound } from './outbound.ts';
import { DatabaseError } from './sqlite.ts';
import { warnOfReaders } from './storage/privacy.ts';
import { refuseBadCrons, Ticker } from './ticker.ts';
import { Forwarder } from './workerd/forward.ts';
import { loadMiniflare, startApart } from './workerd/start.ts';
import { settingTexts, workerOptions } from './workerd/worker.ts';

/** Time that the Worker gets to end its ticks before it is ended. */
const STOP_WITHIN_MS = 8000;

/** Starts the whole system in workerd, as it runs on Cloudflare, behind the port and the crons of this process. */
export async function startWorkerd(root: string, settings: Settings): Promise<Host> {
  refuseBadCrons(settings);
  await loadMiniflare();
  const log = makeLogger(settings.LOG_LEVEL);
  const outbound = makeOutbound(settings.WEBHOOK_ALLOW_PRIVATE);
  const folder = resolve(dirname(settings.DB_PATH), 'workerd');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  warnOfReaders(folder, log);
  const options = () => workerOptions(join(root, 'dist'), folder, outbound, log);
  const runtime = await startApart(root, await options());
  const forwarder = new Forwarder(log);
  let ready = runtime.ready;
  let ticker: Ticker | undefined;
  let server: Server | undefined;

  const close = async () => {
    const ended = [server && closeGently(server), ticker?.stop(), callSchedule(runtime, STOP)];
    await Promise.race([Promise.allSettled(ended), new Promise((end) => setTimeout(end, STOP_WITHIN_MS).unref())]);
    await Promise.all([runtime.dispose(), forwarder.close(), outbound.close()]);
  };
  try {
    const db = (await runtime.getD1Database('DB')) as unknown as Database;
    await migrate(db, join(root, 'migrations'), settings, folder, log);
    const env = { ...settingTexts(), DB: db, LOG: log };
    ticker = new Ticker(env, ticksOf(runtime, settings));
    server = await listen(settings, log, async (request, { incoming }) =>
      forwarder.forward(request, await ready, incoming.socket?.remoteAddress),
    );
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
      ready = callSchedule(runtime, STOP)
        .then(async () => runtime.setOptions(await options()))
        .then(() => runtime.ready);
      await ready;
    },
    async stop() {
      log('info', 'stopping');
      await close();
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
function ticksOf(runtime: Miniflare, { TICK_BUDGET_MS }: Settings): ConstructorParameters<typeof Ticker>[1] {
  const since = new Map<string, number>();
  const run = async (name: string): Promise<void> => {
    const start = Date.now();
    if (start - (since.get(name) ?? 0) < TICK_BUDGET_MS) return;
    since.set(name, start);
    try {
      await callSchedule(runtime, name);
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
