import { fileURLToPath } from 'node:url';
import { isBuilt } from '../stamp.mjs';

/** The folder of the project: the command line runs from dist/emulator. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const runtimes = ['node', 'workerd'];
export const runtimeOption = [
  '--runtime <runtime>',
  `${runtimes.join(' or ')}: where the functions run`,
  'node',
] as const;

export function refuseRuntime(runtime: string): void {
  if (!runtimes.includes(runtime)) throw new Error(`--runtime is ${runtime}; it may be ${runtimes.join(' or ')}.`);
}

/** Builds dist/ where the sources have changed since. */
export async function ensureBuilt(): Promise<void> {
  if (isBuilt(root)) return;
  const { buildAll } = await import('../build.ts');
  await buildAll(root);
}
