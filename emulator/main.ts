import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { config } from 'dotenv';
import { readSettings } from '../core/settings.ts';
import { version } from '../core/version.ts';
import { type Host, type Part, startHost } from './host.ts';
import { inspect, migrate } from './migrate.ts';
import { openSqlite } from './sqlite.ts';
import { isBuilt, stampOf } from './stamp.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const allParts: Part[] = ['api', 'processor', 'coordinator'];
const runtimes = ['node', 'workerd'];
const runtimeOption = ['--runtime <runtime>', `${runtimes.join(' or ')}: where the functions run`, 'node'] as const;

interface StartOptions {
  only?: Part;
  runtime: string;
}

/** Runs the command line. What goes wrong at start is one line on standard error, and exit code 1. */
export async function run(argv: string[]): Promise<void> {
  config({ quiet: true });
  const program = new Command('escapement').description('A job orchestration system on SQLite.').version(version);
  program
    .command('start')
    .description('start the system, or one part of it')
    .option('--only <part>', `one of ${allParts.join(', ')}`)
    .option(...runtimeOption)
    .action(start);
  program
    .command('dev')
    .description('start, and rebuild what changes')
    .option(...runtimeOption)
    .action(dev);
  program
    .command('build')
    .description('build dist/, and say what each function weighs and how long it takes to import')
    .option('--quick', 'leave the imports out')
    .action(build);
  program
    .command('migrate')
    .description('apply pending migrations')
    .option('--libsql <url>', 'to a libSQL database; its token is LIBSQL_AUTH_TOKEN')
    .action(({ libsql }: { libsql?: string }) => (libsql ? applyToLibsql(libsql) : applyMigrations()));
  program
    .command('backup')
    .description('write a verified copy of the database, which may be in use')
    .argument('<file>', 'where to')
    .option('--force', 'replace a file that is there')
    .action(backUpTo);
  program
    .command('restore')
    .description('put a copy in the place of the database, whose files are put aside')
    .argument('<file>', 'a backup')
    .action(restoreFrom);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

async function build({ quick }: { quick?: boolean }): Promise<void> {
  const { buildAll } = await import('./build.ts');
  const built = await buildAll(root);
  const width = Math.max(...built.map(({ name }) => name.length));
  const { coldImport } = await import('./cold-import.ts');
  for (const { name, bytes, gzipped } of built) {
    const sizes = [
      `${(bytes / 1000).toFixed(0).padStart(4)} KB`,
      `${(gzipped / 1000).toFixed(1).padStart(6)} KB gzipped`,
    ];
    const file = join(root, `dist/functions/${name}.mjs`);
    if (!quick && existsSync(file)) sizes.push(`${coldImport(file).toFixed(0).padStart(3)} ms to import`);
    process.stdout.write(`${name.padEnd(width)}  ${sizes.join('  ')}\n`);
  }
}

async function ensureBuilt(): Promise<void> {
  if (isBuilt(root)) return;
  const { buildAll } = await import('./build.ts');
  await buildAll(root);
}

async function start(options: StartOptions): Promise<void> {
  const host = await startOn(options);
  stopOnSignal(() => host.stop());
}

async function dev(options: StartOptions): Promise<void> {
  // Taken first, so that a change which comes while it starts is not missed.
  const stamp = stampOf(root);
  const host = await startOn(options);
  const { rebuildOnChange } = await import('./dev.ts');
  const unwatch = rebuildOnChange(root, stamp, () => host.reload());
  stopOnSignal(async () => {
    unwatch();
    await host.stop();
  });
}

async function startOn({ only, runtime }: StartOptions): Promise<Host> {
  if (only && !allParts.includes(only)) throw new Error(`--only is ${only}; it may be ${allParts.join(' or ')}.`);
  if (!runtimes.includes(runtime)) throw new Error(`--runtime is ${runtime}; it may be ${runtimes.join(' or ')}.`);
  if (only && runtime === 'workerd') throw new Error('--only is for the runtime node; workerd runs all parts.');
  const settings = readSettings(process.env);
  await ensureBuilt();
  if (runtime === 'node') return startHost(root, settings, only ? [only] : allParts);
  const { startWorkerd } = await import('./workerd.ts');
  return startWorkerd(root, settings);
}

async function applyMigrations(): Promise<void> {
  const { DB_PATH, DB_SYNCHRONOUS } = readSettings(process.env);
  const folder = join(root, 'migrations');
  inspect(DB_PATH, folder);
  const db = openSqlite(DB_PATH, DB_SYNCHRONOUS);
  const applied = migrate(db, folder);
  db.close();
  say(applied);
}

async function applyToLibsql(url: string): Promise<void> {
  const { migrateLibsql } = await import('./deploy/migrate-libsql.ts');
  say(await migrateLibsql(url, join(root, 'migrations'), process.env.LIBSQL_AUTH_TOKEN));
}

const say = (applied: readonly string[]): unknown =>
  process.stdout.write(applied.length > 0 ? `applied ${applied.join(', ')}\n` : 'nothing to apply\n');

async function backUpTo(file: string, { force }: { force?: boolean }): Promise<void> {
  const { DB_PATH } = readSettings(process.env);
  const { backUp } = await import('./storage/backup.ts');
  const contents = await backUp(DB_PATH, file, join(root, 'migrations'), force);
  process.stdout.write(`backed up ${DB_PATH} to ${file}: ${contents}, verified\n`);
}

async function restoreFrom(file: string): Promise<void> {
  const { DB_PATH } = readSettings(process.env);
  const { restore } = await import('./storage/restore.ts');
  const { contents, aside } = await restore(file, DB_PATH, join(root, 'migrations'), new Date().toISOString());
  const before = aside ? `; the files before it are in ${aside}` : '';
  process.stdout.write(`restored ${DB_PATH} from ${file}: ${contents}${before}\n`);
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
