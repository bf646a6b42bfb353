import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../core/database.ts';
import { migrateD1 } from '../../emulator/deploy/migrate-d1.ts';
import type { Manifest, ManifestEntry } from '../../emulator/manifest.ts';
import { waitSteadily } from '../../emulator/workerd/steady-wait.ts';
import { root } from '../support/build.ts';
import { expectContract } from '../support/contract.ts';
import { ADMIN, type Answer, readBody } from '../support/system.ts';

waitSteadily();

const { functions } = JSON.parse(readFileSync(join(root, 'dist/manifest.json'), 'utf8')) as Manifest;
const textOf = ({ file }: ManifestEntry): string => readFileSync(join(root, 'dist', file), 'utf8');

/** What a bundle still imports when it runs, at once or later, as esbuild reads it. */
async function importsOf(text: string): Promise<string[]> {
  const { metafile } = await build({
    ...{ stdin: { contents: text, resolveDir: root }, bundle: true, external: ['*'], format: 'esm' },
    ...{ write: false, metafile: true, logLevel: 'error' },
  });
  return Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
}

test('dist/functions holds one bundle for each function, and nothing else', () => {
  const files = readdirSync(join(root, 'dist/functions')).filter((name) => name.endsWith('.mjs'));
  expect(files.sort()).toEqual(functions.map(({ name }) => `${name}.mjs`).sort());
});

test.each(functions)('$name carries all it needs: no package, no database driver, no file system', async (entry) => {
  const text = textOf(entry);
  expect(text).not.toMatch(/better-sqlite3|bindings\(|\.node"/);
  expect(text).not.toContain(root);
  const left = await importsOf(text);
  // A mail client needs sockets, TLS and streams, which Workers have under these names, too.
  const mayNeedNode = entry.name === 'process-batch';
  if (!mayNeedNode) expect(left).toEqual([]);
  for (const name of left) {
    expect(name).toMatch(/^node:/);
    expect(builtinModules).toContain(name.slice('node:'.length));
  }
  expect(left).not.toContain('node:child_process');
  const { default: made, ...others } = await import(pathToFileURL(join(root, 'dist', entry.file)).href);
  expect(others).toEqual({});
  expect(made).toMatchObject({ name: entry.name, fetch: expect.any(Function) });
});

test('the search for imports finds them, and nothing that only looks like one', async () => {
  const text = `import"a";import{b as c}from"node:b";export*from"d";const e=await import("e");c('from"f"',e)`;
  expect((await importsOf(text)).sort()).toEqual(['a', 'd', 'e', 'node:b']);
});

// Each bundle as a Worker of its own, as it is deployed where there is no gateway; all over one D1 database.
describe('In a Workers runtime', () => {
  let runtime: Miniflare;
  beforeAll(async () => {
    runtime = new Miniflare({
      workers: functions.map((entry) => ({
        name: entry.name,
        modules: [{ type: 'ESModule', path: `${entry.name}.mjs`, contents: textOf(entry) }],
        modulesRoot: '/',
        compatibilityDate: '2026-04-01',
        // None but this one may need Node's API.
        compatibilityFlags: entry.name === 'process-batch' ? ['nodejs_compat'] : [],
        bindings: { BOOTSTRAP_ADMIN_TOKEN: ADMIN, TICK_SECRET: 'tick-secret', MAX_DLQ_REDRIVES: '0' },
        d1Databases: { DB: 'jobs' },
      })),
    });
    const db = (await runtime.getD1Database('DB', functions[0]?.name)) as unknown as Database;
    expect(await migrateD1(db, join(root, 'migrations'))).not.toEqual([]);
  });
  afterAll(() => runtime.dispose());

  interface Worker {
    fetch(url: string, init: object): Promise<Response>;
    scheduled(event: object): Promise<unknown>;
  }
  const worker = async (name: string) => (await runtime.getWorker(name)) as unknown as Worker;

  /** Calls a function by its name, and holds the answer against its contract. */
  async function call(name: string, body?: object, { id = '', query = '' } = {}): Promise<Answer> {
    const { method, path } = functions.find((one) => one.name === name) as ManifestEntry;
    const at = path.replace('{id}', id) + query;
    const response = await (await worker(name)).fetch(`http://test${at}`, {
      method,
      headers: {
        'x-user-auth': ADMIN,
        'x-tick-secret': 'tick-secret',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const headers = new Headers([...response.headers]);
    const answer = { status: response.status, headers, json: readBody(headers, await response.text()) };
    expectContract(method, at, answer);
    return answer;
  }

  const tick = async (name: string) => (await worker(name)).scheduled({ cron: '* * * * *', scheduledTime: new Date() });

  const transform = { task_type: 'transform', payload: { input: { a: [1, 2] }, expression: 'a[1]' } };

  test('a job is scheduled, run by the tick, read, listed, reported and logged', async () => {
    const made = await call('schedule-job', transform);
    expect(made.status).toBe(201);
    const { id } = made.json;
    expect((await call('schedule-jobs', { jobs: [transform, transform] })).json.items).toHaveLength(2);
    expect(await tick('process-batch')).toMatchObject({ outcome: 'ok' });
    expect((await call('get-job', undefined, { id })).json).toMatchObject({
      status: 'done',
      result: 2,
      lease_epoch: 1,
    });
    expect((await call('list-jobs', undefined, { query: '?status=done&limit=2' })).json.items).toHaveLength(2);
    expect((await call('report-jobs')).json.totals).toMatchObject({ done: 3, pending: 0 });
    const { items } = (await call('list-logs', undefined, { query: `?job_id=${id}` })).json;
    expect(items.map(({ event }: { event: string }) => event)).toEqual(['done', 'claimed', 'scheduled']);
  });

  test('a job fails for good, is buried by the other tick, redriven, and cancelled', async () => {
    const mail = { task_type: 'sendEmail', payload: { to: 'a@example.com', subject: 's', text: 't' } };
    const { id } = (await call('schedule-job', mail)).json;
    const bury = async () => {
      for (const name of ['process-batch', 'coordinate']) expect(await tick(name)).toMatchObject({ outcome: 'ok' });
      expect((await call('get-job', undefined, { id })).json).toMatchObject({
        ...{ status: 'dlq', error: expect.stringContaining('EMAIL_URL') },
      });
    };
    await bury();
    expect((await call('redrive-job', { reason: 'again' }, { id })).json.status).toBe('pending');
    await bury();
    expect((await call('redrive-dlq', { reason: 'all' })).json).toMatchObject({ matched: 1, redriven: 1 });
    expect((await call('cancel-job', undefined, { id })).json.status).toBe('cancelled');
  });

  test('users, ticks over HTTP, the health check and the document answer', async () => {
    const user = (await call('create-user', { name: 'ada', role: 'user' })).json;
    expect((await call('list-users')).json.items).toHaveLength(1);
    expect((await call('disable-user', undefined, { id: user.id })).json.disabled_at).toEqual(expect.any(String));
    for (const name of ['process-batch', 'coordinate']) expect((await call(name)).status).toBe(200);
    expect((await call('health')).json.status).toBe('ok');
    expect((await call('live', undefined, { query: '?wait=1&follow=true' })).json.totals).toMatchObject({ pending: 0 });
    expect((await call('list-tasks')).json.items).not.toEqual([]);
    expect((await call('list-dumps')).json.items).toHaveLength(1);
    expect((await call('console')).json).toMatch(/^<!doctype html>/);
    const document = JSON.parse(readFileSync(join(root, 'dist/openapi.json'), 'utf8'));
    expect((await call('openapi')).json).toEqual(document);
  });

  test('bad input is refused there as it is here', async () => {
    for (const [body, status, code] of [
      [{ ...transform, owner_id: 'me' }, 422, 'invalid_body'],
      [{ ...transform, payload: { input: '\ud800', expression: '@' } }, 400, 'ill_formed_value'],
      [{ ...transform, payload: { input: 'x'.repeat(262_144), expression: '@' } }, 413, 'payload_too_large'],
      [{ ...transform, payload: { input: 'x'.repeat(1_048_576), expression: '@' } }, 413, 'body_too_large'],
    ] as const)
      expect(await call('schedule-job', body)).toMatchObject({ status, json: { code } });
    expect((await call('list-jobs', undefined, { query: '?cursor=x' })).json.code).toBe('bad_cursor');
  });
});
