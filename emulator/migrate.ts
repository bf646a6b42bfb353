import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { DatabaseError } from './sqlite.ts';

// The table in the form that `wrangler d1 migrations` keeps it.
const TABLE = `CREATE TABLE IF NOT EXISTS migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;

const filesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .sort();

/** Refuses, without touching it, a file that is no database, is somebody else's, or was made by a newer version. */
export function inspect(path: string, folder: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  const db = new Sqlite(path, { readonly: true });
  try {
    const tables = db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .pluck()
      .all();
    if (tables.length === 0) return;
    if (!tables.includes('migrations'))
      throw new DatabaseError(`${path} is the database of another program; nothing was changed.`);
    const newer = unknownTo(db, folder);
    if (newer)
      throw new DatabaseError(
        `${path} was made by a newer version (it has ${newer}, unknown here); nothing was changed.`,
      );
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_NOTADB')
      throw new DatabaseError(`${path} is not a SQLite database; nothing was changed.`);
    throw error;
  } finally {
    db.close();
  }
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
  db.pragma('busy_timeout = 5');
  return applied;
}

/** The migrations that this database still lacks, in order. */
export function pendingIn(db: Sqlite.Database, folder: string): string[] {
  const applied = appliedTo(db);
  return filesIn(folder).filter((name) => !applied.includes(name));
}

function unknownTo(db: Sqlite.Database, folder: string): string | undefined {
  const known = filesIn(folder);
  return appliedTo(db).find((name) => !known.includes(name));
}

function appliedTo(db: Sqlite.Database): string[] {
  const exists = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").get();
  return exists ? (db.prepare('SELECT name FROM migrations ORDER BY id').pluck().all() as string[]) : [];
}
