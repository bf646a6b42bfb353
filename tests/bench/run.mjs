// The benchmarks as Node can run them: bundles their TypeScript, then starts it. `npm run bench -- --help` says how.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = join(root, 'tests/bench');
const children = readdirSync(join(here, 'children')).map((name) => join(here, 'children', name));

await build({
  entryPoints: Object.fromEntries([join(here, 'main.ts'), ...children].map((path) => [basename(path, '.ts'), path])),
  outdir: join(root, 'dist/bench'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  target: 'node20',
  logLevel: 'error',
});
const { main } = await import(pathToFileURL(join(root, 'dist/bench/main.mjs')).href);
process.exitCode = await main(root, process.argv.slice(2));
