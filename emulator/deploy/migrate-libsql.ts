import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrationsIn, TABLE } from '../migrate.ts';
import { DatabaseError } from '../sqlite.ts';
import { faultOf, openClient } from './libsql-port.ts';

/**
 * Applies the pending migrations of `folder` to the libSQL database at `url`, in one transaction; their names.
 * Refuses, without changing it, a database of another program or one that a newer version has migrated.
 */
export async function migrateLibsql(url: string, folder: string, authToken?: string): Promise<string[]> {
  const client = await openClient(url, authToken);
  try {
    // A local file starts like the emulator's, so that readers and a writer do not block each other.
    if (url.startsWith('file:')) await client.execute('PRAGMA journal_mode = WAL');
    const work = await client.transaction('write');
    try {
      const names = async (sql: string): Promise<unknown[]> => (await work.execute(sql)).rows.map((row) => row[0]);
      const tables = await names("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
      if (tables.length > 0 && !tables.includes('migrations'))
        throw new DatabaseError(`${shown(url)} is the database of another program; nothing was changed.`);
      await work.execute(TABLE);
      const applied = await names('SELECT name FROM migrations ORDER BY id');
      const known = migrationsIn(folder);
      const newer = applied.find((name) => !known.includes(name as string));
      if (newer)
        throw new DatabaseError(
          `${shown(url)} was made by a newer version (it has ${newer}, unknown here); nothing was changed.`,
        );
      const pending = known.filter((name) => !applied.includes(name));
      for (const name of pending) {
        await work.executeMultiple(readFileSync(join(folder, name), 'utf8'));
        await work.execute({ sql: 'INSERT INTO migrations (name) VALUES (?1)', args: [name] });
      }
      await work.commit();
      return pending;
    } finally {
      work.close();
    }
  } catch (error) {
    throw error instanceof DatabaseError ? error : faultOf(error);
  } finally {
    client.close();
  }
}

/** A URL may hold a token. */
const shown = (url: string): string => url.replace(/\?.*$/, '');
