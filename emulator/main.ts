import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { config } from 'dotenv';
import { readSettings } from '../core/settings.ts';
import { version } from '../core/version.ts';
import { type Part, startHost } from './host.ts';
import { inspect, migrate } from './migrate.ts';
import { openSqlite } from './sqlite.ts';
import { stampOf } from './stamp.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const allParts: Part[] = ['api', 'processor', 'coordinator'];

/** Runs the command line. What goes wrong at start is one line on standard error, and exit code 1. */
export async function run(argv: string[]): Promise<void> {
  config({ quiet: true });
  const program = new Command('escapement').description('A job orchestration system on SQLite.').version(version);
  program
    .command('start')
    .description('start the system, or one part of it')
    .option('--only <part>', `one of ${allParts.join(', ')}`)
    .action(({ only }: { only?: Part }) => start(only));
  program.command('dev').description('start, and rebuild what changes').action(dev);
  program.command('build').description('build dist/').action(build);
  program.command('migrate').description('apply pending migrations').action(applyMigrations);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

async function build(): Promise<void> {
  const { buildAll } = await import('./build.ts');
  const built = await buildAll(root);
  const width = Math.max(...built.map(({ name }) => name.length));
  for (const { name, bytes, gzipped } of built) {
    process.stdout.write(
      `${name.padEnd(width)}  ${(bytes / 1000).toFixed(0).padStart(4)} KB  ${(gzipped / 1000).toFixed(1).padStart(6)} KB gzipped\n`,
    );
  }
}

async function ensureBuilt(): Promise<void> {
  let stamp: string | undefined;
  try {
    stamp = readFileSync(join(root, 'dist/stamp'), 'utf8');
  } catch {}
  if (stamp === stampOf(root)) return;
  const { buildAll } = await import('./build.ts');
  await buildAll(root);
}

async function start(only?: Part): Promise<void> {
  if (only && !allParts.includes(only)) throw new Error(`--only is ${only}; it may be ${allParts.join(' or ')}.`);
  const settings = readSettings(process.env);
  await ensureBuilt();
  const host = await startHost(root, settings, only ? [only] : allParts);
  stopOnSignal(() => host.stop());
}

async function dev(): Promise<void> {
  const settings = readSettings(process.env);
  await ensureBuilt();
  const host = await startHost(root, settings, allParts);
  const { rebuildOnChange } = await import('./dev.ts');
  const unwatch = rebuildOnChange(root, () => host.reload());
  stopOnSignal(async () => {
    unwatch();
    await host.stop();
  });
}

async function applyMigrations(): Promise<void> {
  const { DB_PATH, DB_SYNCHRONOUS } = readSettings(process.env);
  const folder = join(root, 'migrations');
  inspect(DB_PATH, folder);
  const db = openSqlite(DB_PATH, DB_SYNCHRONOUS);
  const applied = migrate(db, folder);
  db.close();
  process.stdout.write(applied.length > 0 ? `applied ${applied.join(', ')}\n` : 'nothing to apply\n');
}

/** A signal may come twice (from a terminal and from npm): the second changes nothing. */
function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      void stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}
