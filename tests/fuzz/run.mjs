// The fuzzer as Node can run it: builds the functions, bundles its TypeScript, then starts it.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const outfile = join(root, 'dist/fuzz/main.mjs');
execFileSync(process.execPath, ['emulator/escapement.mjs', 'build', '--quick'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
});
await build({
  ...{ entryPoints: [join(root, 'tests/fuzz/main.ts')], outfile, bundle: true, logLevel: 'error' },
  ...{ format: 'esm', platform: 'node', packages: 'external', target: 'node20', sourcemap: 'linked' },
});
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(process.argv.slice(2));
