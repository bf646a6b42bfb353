import { closeSync, openSync, writeSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

/** Overwrites the first page of a table or an index with what no page holds. Nobody may have the database open. */
export function damage(file: string, name: string): void {
  const db = new Sqlite(file);
  db.pragma('journal_mode = delete');
  const page = db.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').pluck().get(name) as number;
  const size = db.pragma('page_size', { simple: true }) as number;
  db.pragma('journal_mode = wal');
  db.close();
  const open = openSync(file, 'r+');
  writeSync(open, Buffer.alloc(size, 0xa5), 0, size, (page - 1) * size);
  closeSync(open);
}
