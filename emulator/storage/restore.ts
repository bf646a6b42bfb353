import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { companions, draftOf, isSameFile, removeDraft, removeLeftDrafts, syncToDisk } from './files.ts';
import { holdAlone } from './hold.ts';
import { verify } from './verify.ts';

export interface Restored {
  /** What the database holds now, in words. */
  contents: string;
  /** The folder that the files before it are in, where there were any. */
  aside: string | undefined;
}

/**
 * Puts a verified copy of `source` in the place of the database, whose files are kept in a folder beside it. Throws
 * one line for people, and changes nothing, where the copy is no good or any process has the database open.
 */
export async function restore(source: string, path: string, migrations: string, now: string): Promise<Restored> {
  if (!statSync(source, { throwIfNoEntry: false })?.isFile()) throw new Error(`${source} is not a file.`);
  const target = existsSync(path) ? realpathSync(path) : path;
  if (isSameFile(source, target)) throw new Error(`${source} is the database itself.`);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  removeLeftDrafts(target);
  const draft = draftOf(target);
  try {
    bring(source, draft, target);
    const contents = await verify(draft, migrations).catch((error) => {
      throw new Error(`${source} ${(error as Error).message}`);
    });
    syncToDisk(draft);
    return { contents, aside: replace(target, draft, now) };
  } catch (error) {
    removeDraft(draft);
    throw new Error(`${(error as Error).message}; nothing was changed.`);
  }
}

/** Copies byte by byte, so that the original is not even opened by SQLite; a log beside it belongs to it. */
function bring(source: string, draft: string, target: string): void {
  for (const end of ['', '-wal', '-journal']) if (existsSync(source + end)) copyFileSync(source + end, draft + end);
  chmodSync(draft, 0o600);
  // What root restores is for whom it was before.
  const { uid, gid } = statSync(existsSync(target) ? target : dirname(target));
  if (process.getuid?.() === 0) chownSync(draft, uid, gid);
}

/** Puts the files of the database aside, and the draft in their place, while nobody can open either. */
function replace(target: string, draft: string, now: string): string | undefined {
  const files = ['', ...companions].filter((end) => existsSync(target + end));
  const finish = () => {
    renameSync(draft, target);
    syncToDisk(dirname(target));
  };
  if (files.length === 0) {
    finish();
    return undefined;
  }
  const aside = `${target}.aside-${now.replaceAll(':', '-')}`;
  const kept = (end: string) => join(aside, basename(target) + end);
  mkdirSync(aside, { mode: 0o700 });
  let letGo = () => {};
  try {
    if (files.includes('')) letGo = holdAlone(target, join(aside, 'held'));
    for (const end of files) linkSync(target + end, kept(end));
    syncToDisk(aside);
    // Before the new file comes: SQLite would play the old log into it.
    for (const end of files) if (end) rmSync(target + end);
    finish();
    return aside;
  } catch (error) {
    for (const end of files) if (existsSync(kept(end)) && !existsSync(target + end)) linkSync(kept(end), target + end);
    letGo();
    rmSync(aside, { recursive: true });
    throw error;
  } finally {
    letGo();
  }
}
