import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { writeWhole } from '../bundle.mjs';
import type { Manifest } from '../manifest.ts';
import { samTemplate } from './sam.ts';

/** A file of dist/lambda that every function shares: its name and its size in bytes, as it is and gzipped. */
export interface Shared {
  name: string;
  bytes: number;
  gzipped: number;
}

/**
 * Writes dist/lambda: for each function of dist/functions the same bytes and a handler of three lines, the adapter
 * that the handlers share, a handler for what no route takes, and the SAM template that puts them together.
 */
export async function emitLambda(root: string, manifest: Manifest): Promise<Shared[]> {
  const folder = join(root, 'dist/lambda');
  const shared = await bundleShared(root, folder, manifest);
  const unrouted = { name: 'unrouted', file: 'functions/unrouted.mjs' };
  for (const { name, file } of [...manifest.functions, unrouted]) {
    if (name !== unrouted.name) writeWhole(join(folder, file), readFileSync(join(root, 'dist', file)));
    writeWhole(join(folder, `${name}.mjs`), handlerOf(file));
  }
  writeWhole(join(folder, 'template.yaml'), samTemplate(manifest));
  return shared;
}

const handlerOf = (file: string): string => `import { adapt } from './adapter.mjs';
import deployed from './${file}';
export const handler = adapt(deployed);
`;

async function bundleShared(root: string, folder: string, manifest: Manifest): Promise<Shared[]> {
  const routes = manifest.functions.map(({ method, path }) => ({ method, path }));
  const options: esbuild.BuildOptions = {
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    // What guards the way out is large: a file of its own, loaded with the first webhook.
    splitting: true,
    chunkNames: '[name]',
    // The native library opens files; Lambda has none to open.
    external: ['@libsql/client/sqlite3'],
    plugins: [httpOnly],
    // Some packages are CommonJS and ask for Node's modules by require.
    banner: { js: "import { createRequire as cjs } from 'node:module';const require = cjs(import.meta.url);" },
    define: { ROUTES: JSON.stringify(routes) },
    legalComments: 'none',
    write: false,
    logLevel: 'error',
  };
  const built = await Promise.all([
    esbuild.build({ ...options, entryPoints: { adapter: join(root, 'emulator/deploy/lambda-adapter.ts') } }),
    esbuild.build({
      ...options,
      entryPoints: { 'functions/unrouted': join(root, 'emulator/deploy/lambda-unrouted.ts') },
    }),
  ]);
  const files = built.flatMap(({ outputFiles = [] }) => outputFiles);
  for (const { path, contents } of files) writeWhole(path, contents);
  return files.map(({ path, contents }) => ({
    name: `lambda/${path.slice(folder.length + 1)}`.replace(/\.mjs$/, ''),
    bytes: contents.length,
    gzipped: gzipSync(contents).length,
  }));
}

/** The database's client speaks HTTP only here; its library for WebSockets would be a third of the adapter. */
const httpOnly: esbuild.Plugin = {
  name: 'http-only',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^ws$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'export const WebSocket = undefined' }));
  },
};
