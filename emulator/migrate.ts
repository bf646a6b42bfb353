import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { DatabaseError } from './sqlite.ts';

// The table in the form that `wrangler d1 migrations` keeps it.
export const TABLE = `CREATE TABLE IF NOT EXISTS migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;

/** The names of the migration files in a folder, in order. */
export const migrationsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .sort();

/** Refuses, without touching it, a file that is no database, is somebody else's, or was made by a newer version. */
export function inspect(path: string, folder: string): void {
  const stat = existsSync(path) ? statSync(path) : undefined;
  if (stat?.isDirectory()) throw new DatabaseError(`DB_PATH is ${path}, which is a folder; it may be a file.`);
  if (!stat?.size) return;
  const problem = problemOf(path, folder);
  if (problem) throw new DatabaseError(`${path} ${problem}; nothing was changed.`);
}

/** Why this file is not one to work on, as the end of a sentence; undefined for an empty one and for ours. */
export function problemOf(path: string, folder: string): string | undefined {
  // A writer would merge a journal that lies there; where none does, only a writer removes the empty one it makes.
  const readonly = ['-wal', '-journal'].some((suffix) => existsSync(path + suffix));
  let db: Sqlite.Database | undefined;
  try {
    db = new Sqlite(path, { readonly });
    return foreignTo(db, folder);
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError)) throw error;
    return error.code === 'SQLITE_NOTADB' ? 'is not a SQLite database' : `cannot be read (${error.message})`;
  } finally {
    db?.close();
  }
}

function foreignTo(db: Sqlite.Database, folder: string): string | undefined {
  const objects = db.prepare("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").pluck().all();
  if (objects.length === 0) return undefined;
  const known = migrationsIn(folder);
  const applied = objects.includes('migrations') ? appliedTo(db) : [];
  if (!applied.some((name) => known.includes(name))) return 'is the database of another program';
  const newer = applied.find((name) => !known.includes(name));
  return newer && `was made by a newer version (it has ${newer}, unknown here)`;
}

/** Applies pending migrations in one transaction, so that processes that start at once are safe; their names. */
export function migrate(db: Sqlite.Database, folder: string): string[] {
  const apply = db.transaction(() => {
    db.exec(TABLE);
    const pending = pendingIn(db, folder);
    for (const name of pending) {
      db.exec(readFileSync(join(folder, name), 'utf8'));
      db.prepare('INSERT INTO migrations (name) VALUES (?)').run(name);
    }
    return pending;
  });
  db.pragma('busy_timeout = 30000');
  const applied = apply.immediate();
  db.pragma('busy_timeout = 0');
  return applied;
}

/** The migrations that this database still lacks, in order. */
export function pendingIn(db: Sqlite.Database, folder: string): string[] {
  const applied = appliedTo(db);
  return migrationsIn(folder).filter((name) => !applied.includes(name));
}

function appliedTo(db: Sqlite.Database): string[] {
  const columns = db.prepare("SELECT name FROM pragma_table_info('migrations')").pluck().all();
  if (!columns.includes('id') || !columns.includes('name')) return [];
  return db.prepare('SELECT name FROM migrations ORDER BY id').pluck().all() as string[];
}
