import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Request as WorkerRequest, Response as WorkerResponse } from 'miniflare';
import type { Fetcher, Logger, LogLevel } from '../../core/context.ts';
import { settingsTable } from '../../core/settings.ts';
import { compatibility } from '../deploy/cloudflare.ts';
import type { Hooks } from '../hooks.ts';
import type { Manifest } from '../manifest.ts';
import { answering } from './outbound.ts';
import { loadMiniflare } from './start.ts';

/** The Worker for Miniflare: the modules that are deployed, with what the local runtime puts around them. */
export async function workerOptions(
  dist: string,
  folder: string,
  outbound: Fetcher,
  log: Logger,
  dev?: { hooks: Hooks; wake(tick: string): void },
) {
  const { kCurrentWorker, Response } = await loadMiniflare();
  const main = dev ? 'workerd/dev.mjs' : 'workerd/local.mjs';
  const { functions } = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8')) as Manifest;
  const deployed = ['gateway.mjs', ...functions.map(({ file }) => file)].map((file) => `cloudflare/worker/${file}`);
  return {
    modulesRoot: dist,
    modules: [main, ...deployed].map((file) => ({
      type: 'ESModule' as const,
      path: join(dist, file),
      contents: readFileSync(join(dist, file), 'utf8'),
    })),
    compatibilityDate: compatibility.date,
    compatibilityFlags: compatibility.flags,
    bindings: { ...settingTexts(), ...(dev && devBindings(dev.hooks)) },
    d1Databases: { DB: 'escapement' },
    d1Persist: folder,
    serviceBindings: {
      PROCESSOR: dev ? waking(dev.wake, Response) : kCurrentWorker,
      OUTBOUND: answering(dev ? dev.hooks.outbound(outbound) : outbound, Response),
      ...(dev && { FAULTS: failing(dev.hooks, Response) }),
    },
    handleStructuredLogs: (line: { level: string; message: string }) => relay(log, line),
  };
}

/**
 * The settings as the Worker gets them. A wake needs a TICK_SECRET; where none is set, one that nobody knows keeps
 * those routes closed. Crons come once a second here, and a tick waits for what falls due before the next.
 */
export function settingTexts(): Record<string, string> {
  const texts: Record<string, string> = { TICK_LINGER_MS: '1000', TICK_SECRET: randomUUID() };
  for (const name of Object.keys(settingsTable)) if (process.env[name]) texts[name] = process.env[name];
  return texts;
}

/** With a clock that can be moved, ticks wait for nothing: what falls due is found by the next cron. */
const devBindings = (hooks: Hooks): Record<string, string> => ({
  ...{ ...hooks.settings, TICK_LINGER_MS: '0' },
  TOLD: JSON.stringify(hooks.told()),
});

/** A wake goes to the host, which knows whether the crons are off. */
const waking = (wake: (tick: string) => void, Answer: typeof WorkerResponse) => async (request: WorkerRequest) => {
  wake(request.url.replace(/^.*\//, ''));
  return new Answer(null, { status: 202 });
};

const failing = (hooks: Hooks, Answer: typeof WorkerResponse) => async (request: WorkerRequest) =>
  Answer.json({ error: hooks.takeFailure(new URL(request.url).searchParams.get('task_type') ?? '') });

/** A line of the Worker's console: JSON where the gateway wrote it, else text of the runtime. */
function relay(log: Logger, { level, message }: { level: string; message: string }): void {
  try {
    const { level: at, message: text, ...data } = JSON.parse(message) as { level: LogLevel; message: string };
    log(at, text, data);
  } catch {
    log(level === 'error' ? 'error' : 'warn', 'workerd', { said: message.slice(0, 2000) });
  }
}
