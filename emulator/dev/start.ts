import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../core/settings.ts';
import type { Host } from '../host.ts';
import { startHost } from '../host.ts';
import { makeLogger } from '../log.ts';
import { Powers } from './powers.ts';
import { rebuildOnChange } from './rebuild.ts';

export interface DevOptions {
  runtime: string;
  /** A database of its own, which is gone at the end. */
  ephemeral?: boolean;
  /** What the sources were when they were built; without it nothing is rebuilt. */
  stamp?: string;
}

/** Starts the system with the emulator's powers. Stop the host it returns, and all of it ends. */
export async function startDev(
  root: string,
  { runtime, ephemeral, stamp }: DevOptions,
): Promise<Pick<Host, 'url' | 'stop'>> {
  const folder = ephemeral ? mkdtempSync(join(tmpdir(), 'escapement-')) : undefined;
  if (folder) process.env.DB_PATH = join(folder, 'jobs.db');
  const forget = () => folder && rmSync(folder, { recursive: true, force: true });
  try {
    const settings = readSettings(process.env);
    const powers = await Powers.make(settings, makeLogger(settings.LOG_LEVEL));
    const host = await startOn(root, runtime, settings, powers);
    powers.attach(host.inside, host.url as string);
    const unwatch = stamp === undefined ? async () => {} : await rebuildOnChange(root, stamp, host, powers);
    const stop = async () => {
      await unwatch();
      await host.stop();
      forget();
    };
    return { url: host.url, stop };
  } catch (error) {
    forget();
    throw error;
  }
}

async function startOn(root: string, runtime: string, settings: ReturnType<typeof readSettings>, powers: Powers) {
  if (runtime === 'node') return startHost(root, settings, ['api', 'processor', 'coordinator'], powers);
  const { startWorkerd } = await import('../workerd.ts');
  return startWorkerd(root, settings, powers);
}
