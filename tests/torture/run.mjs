// The torture as Node can run it: bundles its TypeScript, then starts it. `npm run torture -- --help` says how.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

execFileSync(process.execPath, [join(root, 'emulator/escapement.mjs'), 'build', '--quick'], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
await build({
  entryPoints: [join(root, 'tests/torture/main.ts')],
  outfile: join(root, 'dist/torture/main.mjs'),
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  target: 'node20',
  logLevel: 'error',
});
const { main } = await import(pathToFileURL(join(root, 'dist/torture/main.mjs')).href);
process.exitCode = await main(process.argv.slice(2));
