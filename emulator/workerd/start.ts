import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Miniflare, MiniflareOptions } from 'miniflare';

/** The package that runs workerd. Throws one line for people where it is not installed. */
export async function loadMiniflare(): Promise<typeof import('miniflare')> {
  try {
    return await import('miniflare');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('The runtime workerd needs the package miniflare, which is not installed: npm install miniflare');
  }
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Starts workerd so that a signal ends neither it nor this process at once: the host stops both gently. */
export async function startApart(root: string, options: MiniflareOptions): Promise<Miniflare> {
  const { Miniflare } = await loadMiniflare();
  if (process.platform !== 'win32') {
    const require = createRequire(createRequire(import.meta.url).resolve('miniflare'));
    process.env.WORKERD_BINARY ??= require('workerd').default;
    process.env.MINIFLARE_WORKERD_PATH ??= join(root, 'emulator/workerd/apart.sh');
  }
  const before = signals.map((signal) => process.listeners(signal));
  const runtime = new Miniflare(options);
  await runtime.ready;
  for (const [i, signal] of signals.entries()) {
    const added = process.listeners(signal).filter((listener) => !before[i]?.includes(listener));
    for (const listener of added) process.removeListener(signal, listener);
  }
  return runtime;
}
