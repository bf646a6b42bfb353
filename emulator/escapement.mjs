#!/usr/bin/env node
// The command line as Node can run it: bundles the emulator's TypeScript when it changed, then starts it.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuilt } from './stamp.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/emulator/main.mjs');

if (!isBuilt(root)) {
  const { bundleEmulator } = await import('./bundle.mjs');
  await bundleEmulator(root);
}
const { run } = await import(main);
await run(process.argv);
