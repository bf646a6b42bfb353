import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

/**
 * Writes a file so that a reader in another process sees the old one or the new one, never half of it.
 * @param {string} path
 * @param {string | Uint8Array} contents
 */
export function writeWhole(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
}

/**
 * Bundles the emulator, packages left out, to dist/emulator/main.mjs, with its thread and chunks beside it.
 * @param {string} root
 */
export async function bundleEmulator(root) {
  const { outputFiles } = await build({
    entryPoints: {
      main: join(root, 'emulator/main.ts'),
      'checkpoint-thread': join(root, 'emulator/storage/checkpoint-thread.ts'),
    },
    outdir: join(root, 'dist/emulator'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20',
    sourcemap: 'linked',
    write: false,
    logLevel: 'error',
  });
  for (const { path, contents } of outputFiles) writeWhole(path, contents);
}
