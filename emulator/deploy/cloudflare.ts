import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { Settings } from '../../core/settings.ts';
import { writeWhole } from '../bundle.mjs';
import type { Manifest } from '../manifest.ts';

const NAME = 'escapement';

/** What the gateway Worker needs of the runtime, here and on Cloudflare. */
export const compatibility = {
  date: '2026-04-01',
  flags: ['nodejs_compat', 'global_fetch_strictly_public'],
};

/**
 * Settings for Cloudflare's paid plan. Both ticks of a cron share one invocation and its 1,000 queries. A tick that
 * was woken may be ended 30 s after its caller was answered: it takes work for 10 s, gives handlers 15 s, and has
 * handed back what is left after TICK_CALL_MS and the 5 s of a gentle stop.
 */
const vars: Partial<Record<keyof Settings | 'TICK_CALL_MS', string>> = {
  CLOCK: 'database',
  TICK_LINGER_MS: '55000',
  TICK_CALL_MS: '20000',
  TICK_BUDGET_MS: '10000',
  TICK_MAX_QUERIES: '450',
  JOB_TIMEOUT_MS: '15000',
  // A Worker has six connections at a time.
  PROCESS_CONCURRENCY: '6',
};

/** A file that was written beside the functions: its name and its size in bytes, as it is and gzipped. */
interface Emitted {
  name: string;
  bytes: number;
  gzipped: number;
}

/** Writes dist/cloudflare/, a folder that wrangler deploys: the gateway, the same function bundles, the migrations. */
export async function emitCloudflare(root: string, manifest: Manifest): Promise<Emitted[]> {
  const folder = join(root, 'dist/cloudflare');
  const emitted = await bundleGateway(root, manifest);
  const copy = (from: string, to: string) => writeWhole(join(folder, to), readFileSync(join(root, from)));
  for (const { file } of manifest.functions) copy(`dist/${file}`, `worker/${file}`);
  for (const name of readdirSync(join(root, 'migrations'))) copy(`migrations/${name}`, `migrations/${name}`);
  writeWhole(join(folder, 'wrangler.json'), `${JSON.stringify(wranglerOf(manifest), null, 2)}\n`);
  return emitted;
}

/** The gateway, and the module through which the local runtime uses it; the functions stay files of their own. */
async function bundleGateway(root: string, manifest: Manifest): Promise<Emitted[]> {
  const { outputFiles } = await esbuild.build({
    entryPoints: {
      'cloudflare/worker/gateway': join(root, 'emulator/deploy/gateway.ts'),
      'workerd/local': join(root, 'emulator/deploy/local.ts'),
      'workerd/dev': join(root, 'emulator/deploy/local-dev.ts'),
    },
    outdir: join(root, 'dist'),
    outExtension: { '.js': '.mjs' },
    define: { FUNCTIONS: JSON.stringify(manifest.functions) },
    external: ['../cloudflare/worker/gateway.mjs'],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    legalComments: 'none',
    write: false,
    logLevel: 'error',
  });
  for (const { path, contents } of outputFiles) writeWhole(path, contents);
  const [gateway] = outputFiles.filter(({ path }) => path.endsWith('/gateway.mjs')).map(({ contents }) => contents);
  return gateway ? [{ name: 'cloudflare/gateway', bytes: gateway.length, gzipped: gzipSync(gateway).length }] : [];
}

/** The cron of a tick as Cloudflare takes it: five fields, a minute at the shortest. */
const everyMinute = '* * * * *';

/** What wrangler.json says. Secrets (TICK_SECRET, BOOTSTRAP_ADMIN_TOKEN and the like) are not in it. */
export const wranglerOf = ({ functions }: Manifest) => ({
  $schema: '../../node_modules/wrangler/config-schema.json',
  name: NAME,
  main: 'worker/gateway.mjs',
  compatibility_date: compatibility.date,
  compatibility_flags: compatibility.flags,
  // The bundles go up as they are: the same bytes that run in the emulator.
  no_bundle: true,
  find_additional_modules: true,
  rules: [{ type: 'ESModule', globs: functions.map(({ file }) => file) }],
  workers_dev: true,
  observability: { enabled: true },
  d1_databases: [
    {
      binding: 'DB',
      database_name: NAME,
      database_id: process.env.D1_DATABASE_ID || '00000000-0000-0000-0000-000000000000',
      migrations_dir: 'migrations',
      migrations_table: 'migrations',
    },
  ],
  services: [{ binding: 'PROCESSOR', service: NAME }],
  triggers: { crons: [everyMinute] },
  vars: {
    ...vars,
    ...Object.fromEntries(functions.flatMap(({ cron_setting }) => (cron_setting ? [[cron_setting, everyMinute]] : []))),
  },
});
