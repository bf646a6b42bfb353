import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import type { Command } from 'commander';
import { CliError, exit } from './errors.ts';
import { ensureBuilt, refuseRuntime, root, runtimeOption } from './project.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const help = `
The command finds ESCAPEMENT_URL and ESCAPEMENT_TOKEN (an admin's) in its environment; its exit code is passed on.

Examples:
  $ escapement exec -- npx vitest run
  $ escapement exec -- escapement jobs add sleep '{ "ms": 1 }'`;

/** `escapement exec -- COMMAND` */
export function exec(program: Command): void {
  program
    .command('exec')
    .argument('<command...>', 'what to run, after --')
    .description('run a command against a system of its own, which is gone when the command ends')
    .option(...runtimeOption)
    .addHelpText('after', help)
    .action(run);
}

async function run(command: string[], { runtime }: { runtime: string }): Promise<void> {
  refuseRuntime(runtime);
  const token = randomUUID();
  const given = { ...process.env };
  Object.assign(process.env, {
    ...{ PORT: '0', HOST: '127.0.0.1', BOOTSTRAP_ADMIN_TOKEN: token },
    // A log would stand between the lines of the command.
    LOG_LEVEL: process.env.LOG_LEVEL || 'silent',
  });
  await ensureBuilt();
  const { startDev } = await import('../dev/start.ts');
  const system = await startDev(root, { runtime, ephemeral: true });
  try {
    const env = { ...given, ESCAPEMENT_URL: system.url, ESCAPEMENT_TOKEN: token };
    process.exitCode = await ended(command, env);
  } finally {
    await system.stop();
  }
  process.exit();
}

/** Runs a command until it ends; its exit code, or that of a shell for one that a signal ended. */
function ended([file = '', ...rest]: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(file, rest, { stdio: 'inherit', env });
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', ({ message }) => reject(new CliError(exit.usage, `${file} cannot be run: ${message}`)));
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
