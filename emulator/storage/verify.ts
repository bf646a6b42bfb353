import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { describe, readContents } from '../../core/views/contents.ts';
import { migrationsIn, pendingIn, problemOf } from '../migrate.ts';
import { SqlitePort } from '../sqlite.ts';

/**
 * Reads a copy from its first page to its last; its size and what it holds, in words. Afterwards it is one file, in
 * whatever mode it came. Throws the end of a sentence where it is damaged, is not ours or was made by a newer version.
 */
export async function verify(copy: string, migrations: string): Promise<string> {
  const problem = problemOf(copy, migrations);
  if (problem) throw new Error(problem);
  const db = new Sqlite(copy, { fileMustExist: true });
  try {
    if (pendingIn(db, migrations).length === migrationsIn(migrations).length) throw new Error('holds nothing');
    // Plays a log that lies beside it into it.
    db.pragma('journal_mode = delete');
    const damage = db.pragma('integrity_check(1)', { simple: true });
    if (damage !== 'ok') throw new Error(`is damaged (${String(damage).split('\n').at(-1)})`);
    const contents = await readContents(new SqlitePort(db));
    return `${sizeOf(statSync(copy).size)}, ${describe(contents)}`;
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) throw new Error(`is damaged (${error.message})`);
    throw error;
  } finally {
    db.close();
  }
}

const sizeOf = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
