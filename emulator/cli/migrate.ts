import { join } from 'node:path';
import type { Command } from 'commander';
import { readSettings } from '../../core/settings.ts';
import { root } from './project.ts';

/** `escapement migrate` */
export function migrate(program: Command): void {
  program
    .command('migrate')
    .description('apply pending migrations')
    .option('--libsql <url>', 'to a libSQL database; its token is LIBSQL_AUTH_TOKEN')
    .action(({ libsql }: { libsql?: string }) => (libsql ? applyToLibsql(libsql) : applyHere()));
}

async function applyHere(): Promise<void> {
  const [{ inspect, migrate }, { openSqlite }] = await Promise.all([import('../migrate.ts'), import('../sqlite.ts')]);
  const { DB_PATH, DB_SYNCHRONOUS } = readSettings(process.env);
  const folder = join(root, 'migrations');
  inspect(DB_PATH, folder);
  const db = openSqlite(DB_PATH, DB_SYNCHRONOUS);
  const applied = migrate(db, folder);
  db.close();
  say(applied);
}

async function applyToLibsql(url: string): Promise<void> {
  const { migrateLibsql } = await import('../deploy/migrate-libsql.ts');
  say(await migrateLibsql(url, join(root, 'migrations'), process.env.LIBSQL_AUTH_TOKEN));
}

const say = (applied: readonly string[]): unknown =>
  process.stdout.write(applied.length > 0 ? `applied ${applied.join(', ')}\n` : 'nothing to apply\n');
