import { Command, CommanderError } from 'commander';
import { config } from 'dotenv';
import { version } from '../core/version.ts';
import { backup } from './cli/backup.ts';
import { build } from './cli/build.ts';
import { CliError, exit } from './cli/errors.ts';
import { exec } from './cli/exec.ts';
import { inbox } from './cli/inbox.ts';
import { jobs } from './cli/jobs.ts';
import { logs } from './cli/logs.ts';
import { migrate } from './cli/migrate.ts';
import { power } from './cli/power.ts';
import { report } from './cli/report.ts';
import { start } from './cli/start.ts';
import { state } from './cli/state.ts';
import { time } from './cli/time.ts';
import { users } from './cli/users.ts';

const groups = [start, build, migrate, backup, jobs, report, logs, users, state, time, power, inbox, exec];

const after = `
Exit codes: 0 it worked, 1 it failed, 2 the command line is wrong, 3 there is no such thing, 4 it was refused.`;

/** Runs the command line. What goes wrong is one line on standard error, and an exit code. */
export async function run(argv: string[]): Promise<void> {
  config({ quiet: true });
  const program = new Command('escapement').description('A job orchestration system on SQLite.').version(version);
  program.exitOverride().addHelpText('after', after);
  for (const group of groups) group(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = codeOf(error);
    // commander has said it already.
    if (!(error instanceof CommanderError)) process.stderr.write(`${(error as Error).message}\n`);
  }
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.ok : exit.usage;
  return error instanceof CliError ? error.code : exit.failure;
}
