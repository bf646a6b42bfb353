import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/** The SQLite file that the local D1 keeps somewhere in a folder. */
function d1File(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = files.find((name) => name.endsWith('.sqlite') && !name.includes('metadata'));
  if (!found) throw new Error(`There is no database in ${folder}.`);
  return join(folder, found);
}

/** Writes a consistent copy of a D1 database, which may be in use, to a file. */
export function copyD1(folder: string, to: string): void {
  const db = new Sqlite(d1File(folder), { readonly: true });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
}

/** Puts a file in the place of a D1 database that is not in use; without one, an empty database. */
export function replaceD1(folder: string, by?: string): void {
  const file = d1File(folder);
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
  if (by) copyFileSync(by, file);
}
