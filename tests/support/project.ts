import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.ts';
import { tempFolder } from './server.ts';

const parts = [
  'console',
  'core',
  'dist',
  'emulator',
  'functions',
  'migrations',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

/** A copy of the project that a test may change, its path; the packages are those of this one. */
export function copyProject(): string {
  const copy = tempFolder();
  for (const part of parts.filter((name) => existsSync(join(root, name))))
    cpSync(join(root, part), join(copy, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
