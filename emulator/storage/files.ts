import { closeSync, fsyncSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What SQLite keeps beside a database. */
export const companions = ['-wal', '-shm', '-journal'] as const;

/** The name under which a file is written before it is renamed to `path`. */
export const draftOf = (path: string): string => `${path}.${process.pid}.tmp`;

/** Removes a database and what SQLite keeps beside it, as far as they are there. */
export function removeDraft(draft: string): void {
  for (const end of ['', ...companions]) rmSync(draft + end, { force: true });
}

/** Removes drafts of `path` whose process was killed before it could do so itself. */
export function removeLeftDrafts(path: string): void {
  const name = basename(path);
  for (const file of readdirSync(dirname(path))) {
    const pid = file.startsWith(`${name}.`) && /^(\d+)\.tmp(-\w+)?$/.exec(file.slice(name.length + 1))?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(join(dirname(path), file), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Waits until what was written to a file, or to the list of a folder, is on the disk. */
export function syncToDisk(path: string): void {
  const isFolder = statSync(path).isDirectory();
  // Windows opens no folders, and needs none to be synced.
  if (isFolder && process.platform === 'win32') return;
  const file = openSync(path, isFolder ? 'r' : 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Whether two paths are one file. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}
