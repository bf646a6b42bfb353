import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { Endpoint } from '../core/http/endpoint.ts';
import type { Tick } from '../core/http/tick.ts';
import { settingsTable } from '../core/settings.ts';
import { version } from '../core/version.ts';
import { endpoints, ticks } from '../functions/index.ts';
import { writeWhole } from './bundle.mjs';
import { bundleConsole } from './console.ts';
import { emitCloudflare } from './deploy/cloudflare.ts';
import { emitLambda } from './deploy/lambda.ts';
import type { Manifest, ManifestEntry } from './manifest.ts';
import { openApiDocument } from './openapi.ts';
import { stampOf } from './stamp.mjs';

/** A bundle that was written: its name and its size in bytes, as it is and gzipped. */
export interface Built {
  name: string;
  bytes: number;
  gzipped: number;
}

/** Builds dist/functions, the manifest, the OpenAPI document and what is deployed from the sources under `root`. */
export async function buildAll(root: string): Promise<Built[]> {
  // Taken before the build: what changes meanwhile makes the next start build again.
  const stamp = stampOf(root);
  const document = JSON.stringify(openApiDocument(endpoints, ticks), null, 2);
  const page = await bundleConsole(root);
  const built = [
    ...(await bundle(
      root,
      endpoints.map(({ name }) => name),
      { define: { OPENAPI_DOCUMENT: JSON.stringify(document), ...page }, plugins: [lazyBuiltins, leaveOutHandlers] },
    )),
    ...(await bundle(
      root,
      ticks.map(({ name }) => name),
      { plugins: [lazyBuiltins] },
    )),
  ];
  writeWhole(join(root, 'dist/openapi.json'), `${document}\n`);
  const manifest = manifestOf(endpoints, ticks);
  writeWhole(join(root, 'dist/manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  built.push(...(await emitCloudflare(root, manifest)));
  built.push(...(await emitLambda(root, manifest)));
  writeWhole(join(root, 'dist/stamp'), stamp);
  return built;
}

async function bundle(root: string, names: readonly string[], more: esbuild.BuildOptions): Promise<Built[]> {
  const { outputFiles = [] } = await esbuild.build({
    entryPoints: names.map((name) => join(root, `functions/${name}.ts`)),
    outdir: join(root, 'dist/functions'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    sourcemap: 'linked',
    legalComments: 'none',
    write: false,
    logLevel: 'error',
    ...more,
  });
  for (const { path, contents } of outputFiles) writeWhole(path, contents);
  return outputFiles
    .filter(({ path }) => path.endsWith('.mjs'))
    .map(({ path, contents }) => ({
      name: path.replace(/^.*\/|\.mjs$/g, ''),
      bytes: contents.length,
      gzipped: gzipSync(contents).length,
    }));
}

/**
 * Asks for Node's modules when the code that needs them first runs, which is when the first mail is sent: importing
 * them with the bundle would be a third of its cold start. Workers know them under their prefixed names only.
 */
const lazyBuiltins: esbuild.Plugin = {
  name: 'lazy-builtins',
  setup: ({ onResolve, onLoad }) => {
    const builtin = new Set(builtinModules);
    onResolve({ filter: /^(node:)?[a-z_/]+$/ }, ({ path }) => {
      const name = path.replace(/^node:/, '');
      return builtin.has(name) ? { path: `node:${name}`, namespace: 'builtin' } : undefined;
    });
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}') ?? {};`,
    }));
  },
};

/** Endpoints check payloads but run no tasks: what a handler imports lazily stays out of their bundles. */
const leaveOutHandlers: esbuild.Plugin = {
  name: 'leave-out-handlers',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, namespace: 'left-out' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'export {}' }));
  },
};

/** What dist/manifest.json says of these functions. */
export const manifestOf = (all: readonly Endpoint[], crons: readonly Tick[]): Manifest => ({
  version,
  functions: [
    ...all.map(
      ({ name, method, path, summary, access }): ManifestEntry => ({
        name,
        kind: 'endpoint',
        file: `functions/${name}.mjs`,
        method,
        path,
        summary,
        access,
      }),
    ),
    ...crons.map(
      ({ name, method, path, summary, cron }): ManifestEntry => ({
        ...{ name, kind: 'tick', file: `functions/${name}.mjs`, method, path, summary },
        cron: settingsTable[cron].initial,
        cron_setting: cron,
      }),
    ),
  ],
});
