import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { root } from '../support/build.ts';
import { manifest } from '../support/gateway.ts';

// What a platform loads before the first answer. `npm run bench -- --only cold` says how long that takes.
const LIMITS: Record<string, number> = {
  'process-batch': 110_000,
  coordinate: 25_000,
  // The page is in it, with all that it shows and the library that draws its plots.
  console: 80_000,
  // It makes JSON Schemas of the tasks' own schemas.
  'list-tasks': 45_000,
};
const ENDPOINT_LIMIT = 40_000;

const bundle = (file: string) => readFileSync(join(root, 'dist', file));

test.each(manifest.functions.map(({ name, file }) => [name, file] as const))(
  'the bundle of %s is small',
  (name, file) => {
    expect(gzipSync(bundle(file)).length).toBeLessThanOrEqual(LIMITS[name] ?? ENDPOINT_LIMIT);
  },
);

test('the limits are those of functions there are', () => {
  expect(manifest.functions.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(LIMITS)));
});

test('a bundle is one file that imports nothing: what a task needs of Node is asked for when it first runs', async () => {
  const entryPoints = manifest.functions.map(({ file }) => join(root, 'dist', file));
  const { metafile } = await build({
    ...{ entryPoints, bundle: true, external: ['*'], metafile: true, write: false, outdir: 'out', format: 'esm' },
    logLevel: 'error',
  });
  for (const [file, { imports }] of Object.entries(metafile.outputs)) expect(imports, file).toEqual([]);
  expect(Object.keys(metafile.outputs)).toHaveLength(entryPoints.length);
});

test('the gateway is no larger than an endpoint', () => {
  expect(gzipSync(bundle('cloudflare/worker/gateway.mjs')).length).toBeLessThanOrEqual(ENDPOINT_LIMIT);
});
