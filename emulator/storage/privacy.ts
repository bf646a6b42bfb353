import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Logger } from '../../core/context.ts';

const OTHERS_READ = 0o044;
const OTHERS_WRITE = 0o022;
const OTHERS_ENTER = 0o011;

/** Says once where other users of the machine can read a database (a file, or a folder of files) or replace it. */
export function warnOfReaders(path: string, log: Logger): void {
  const way = exposure(path);
  const detail = { path, folder: dirname(resolve(path)) };
  if (way) log('warn', `Other users of this machine can ${way} the database. Make it private with chmod.`, detail);
}

/** A file that others could read is safe in a folder that they cannot enter, and is not what we made: it stays as it is. */
function exposure(path: string): 'read' | 'replace' | undefined {
  // Windows has other means.
  if (process.platform === 'win32') return undefined;
  const folder = statSync(dirname(resolve(path)));
  if (!(folder.mode & OTHERS_ENTER)) return undefined;
  const isSticky = (folder.mode & 0o1000) !== 0;
  if (folder.mode & OTHERS_WRITE && !isSticky) return 'replace';
  const { mode } = statSync(path);
  return mode & (OTHERS_READ | OTHERS_WRITE) ? 'read' : undefined;
}
