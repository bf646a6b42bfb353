#!/usr/bin/env node
// The command line as Node can run it: bundles the emulator's TypeScript when it changed, then starts it.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuilt } from './stamp.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/emulator/main.mjs');

if (!isBuilt(root)) {
  const { bundleEmulator } = await import('./bundle.mjs');
  await bundleEmulator(root).catch((error) => {
    // esbuild has said where the sources are broken; a stack of its own helps nobody.
    if (!error.errors) console.error(error.message);
    process.exit(1);
  });
}
const { run } = await import(main);
await run(process.argv);
