import type { Command } from 'commander';
import { readSettings } from '../../core/settings.ts';
import type { Host, Part } from '../host.ts';
import { stampOf } from '../stamp.mjs';
import { ensureBuilt, refuseRuntime, root, runtimeOption } from './project.ts';

const allParts: Part[] = ['api', 'processor', 'coordinator'];

interface StartOptions {
  only?: Part;
  runtime: string;
}

/** `escapement start` and `escapement dev` */
export function start(program: Command): void {
  program
    .command('start')
    .description('start the system, or one part of it')
    .option('--only <part>', `one of ${allParts.join(', ')}`)
    .option(...runtimeOption)
    .action(async (options: StartOptions) => {
      const host = await startOn(options);
      stopOnSignal(() => host.stop());
    });
  program
    .command('dev')
    .description('start, rebuild what changes, and serve the powers of the emulator under /__emulator')
    .option(...runtimeOption)
    .option('--ephemeral', 'with a database that is gone at the end')
    .action(async (options: { runtime: string; ephemeral?: boolean }) => {
      refuseRuntime(options.runtime);
      // Taken first, so that a change which comes while it starts is not missed.
      const stamp = stampOf(root);
      await ensureBuilt();
      const { startDev } = await import('../dev/start.ts');
      const host = await startDev(root, { ...options, stamp });
      stopOnSignal(() => host.stop());
      process.stdout.write(`console: ${host.url}/ (sign in with the admin token that the first start printed)\n`);
    });
}

async function startOn({ only, runtime }: StartOptions): Promise<Host> {
  if (only && !allParts.includes(only)) throw new Error(`--only is ${only}; it may be ${allParts.join(' or ')}.`);
  refuseRuntime(runtime);
  if (only && runtime === 'workerd') throw new Error('--only is for the runtime node; workerd runs all parts.');
  const settings = readSettings(process.env);
  await ensureBuilt();
  // Imported when it is needed: the other commands begin sooner.
  const { startHost } = await import('../host.ts');
  if (runtime === 'node') return startHost(root, settings, only ? [only] : allParts);
  const { startWorkerd } = await import('../workerd.ts');
  return startWorkerd(root, settings);
}

/** A signal may come twice (from a terminal and from npm): the second changes nothing. */
function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false;
  const begin = () => {
    if (stopping) return;
    stopping = true;
    void stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', begin);
  process.on('SIGINT', begin);
  if (process.env.npm_lifecycle_event) whenOrphaned(begin);
}

/** npm passes a signal to its shell, which may end without passing it on: then the process has another parent. */
function whenOrphaned(begin: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && begin(), 500).unref();
}
