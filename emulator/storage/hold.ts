import { linkSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { removeDraft } from './files.ts';

/**
 * Keeps every other process off a database, without writing to it; a function that lets go. Throws where another
 * process has it open: each holds a shared lock on the file for as long as it does, which an exclusive one runs into.
 * `link` is a free name on the same disk.
 */
export function holdAlone(path: string, link: string): () => void {
  // Locks belong to the file, the log to its name: under another name, with an empty log, SQLite locks the file before
  // it reads a page (so that a damaged one can be held, too), and has nothing to play into it.
  linkSync(path, link);
  writeFileSync(`${link}-wal`, '');
  const db = new Sqlite(link, { fileMustExist: true, timeout: 0 });
  const letGo = () => {
    db.close();
    removeDraft(link);
  };
  try {
    db.pragma('locking_mode = exclusive');
    db.pragma('schema_version');
    return letGo;
  } catch (error) {
    const { code = '' } = error as { code?: string };
    // It has the lock, and finds that this is no database any more.
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return letGo;
    letGo();
    if (!code.startsWith('SQLITE_BUSY')) throw error;
    throw new Error(`${path} is open in another process; stop every one of them first`);
  }
}
