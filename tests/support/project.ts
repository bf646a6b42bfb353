import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.ts';
import { parts } from './parts.ts';
import { tempFolder } from './server.ts';

/** A copy of the project that a test may change, its path; the packages are those of this one. */
export function copyProject(): string {
  const copy = tempFolder();
  for (const part of [...parts, 'dist'].filter((name) => existsSync(join(root, name))))
    cpSync(join(root, part), join(copy, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
