import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { inspect } from '../migrate.ts';
import { companions, draftOf, isSameFile, removeDraft, removeLeftDrafts, syncToDisk } from './files.ts';
import { verify } from './verify.ts';

/**
 * Writes a consistent, verified copy of a database that may be in use, synced to the disk under `target`; what it
 * holds, in words. Throws one line for people, and leaves no half file, where it cannot; what was there before stays.
 */
export async function backUp(source: string, target: string, migrations: string, force = false): Promise<string> {
  if (!existsSync(source)) throw new Error(`DB_PATH is ${source}, which is not there: there is nothing to back up.`);
  inspect(source, migrations);
  refuseTarget(source, target, force);
  removeLeftDrafts(target);
  const draft = draftOf(target);
  try {
    copy(source, draft);
    const contents = await verify(draft, migrations).catch((error) => {
      throw new Error(`the copy ${(error as Error).message}`);
    });
    syncToDisk(draft);
    renameSync(draft, target);
    syncToDisk(dirname(resolve(target)));
    return contents;
  } catch (error) {
    removeDraft(draft);
    throw new Error(`${source} was not backed up to ${target}: ${(error as Error).message}.`);
  }
}

function refuseTarget(source: string, target: string, force: boolean): void {
  if (!existsSync(dirname(resolve(target)))) throw new Error(`The folder of ${target} is not there.`);
  if (isSameFile(source, target)) throw new Error(`${target} is the database itself; a backup needs another name.`);
  const beside = companions.find((end) => existsSync(target + end));
  if (beside) throw new Error(`${target}${beside} is there, so ${target} may be a database in use; give another name.`);
  const there = statSync(target, { throwIfNoEntry: false });
  if (there && !there.isFile()) throw new Error(`${target} is not a file; give another name.`);
  if (there && !force) throw new Error(`${target} is there already; --force replaces it.`);
}

/**
 * VACUUM INTO reads one snapshot: writers go on, and it ends whatever they do. SQLite's backup of some pages at a time
 * would begin anew after each commit of another process.
 */
function copy(source: string, draft: string): void {
  closeSync(openSync(draft, 'wx', 0o600));
  const db = new Sqlite(source, { fileMustExist: true });
  try {
    db.prepare('VACUUM INTO ?').run(draft);
  } finally {
    db.close();
  }
}
