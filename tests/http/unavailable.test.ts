import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import { openSqlite, SqlitePort } from '../../emulator/sqlite.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { routed, rowCounts } from '../support/contract.ts';
import { broken } from '../support/full.ts';
import { ADMIN, System } from '../support/system.ts';

// `routed` holds every problem to having no stack and no SQL text in it; `logged` is what the host is told instead.

let system: System;
let logged: string[];
beforeEach(() => {
  system = new System();
  logged = [];
});
afterEach(() => system.close());

const routes = [...endpoints, ...ticks];
const bodies: Record<string, object> = {
  'schedule-job': { task_type: 'sleep', payload: { ms: 0 } },
  'schedule-jobs': { jobs: [{ task_type: 'sleep', payload: { ms: 0 } }] },
  'redrive-job': { reason: 'x' },
  'redrive-dlq': { reason: 'x' },
  'create-user': { name: 'ada', role: 'user' },
};

/** Every route under this env, each called as an admin who knows the tick secret. */
function answersOf(more: Partial<Env>, without: string[] = []) {
  const env: Env = { ...system.env, ...more, LOG: (...line) => logged.push(JSON.stringify(line)) };
  for (const name of without) delete env[name];
  const call = routed(system, env);
  return Promise.all(
    routes.map(async ({ name, method, path }) => {
      const options = { token: ADMIN, headers: { 'x-tick-secret': 'tick-secret' } };
      const { status, headers, json } = await call(method, path.replace('{id}', 'none'), bodies[name], options);
      return { name, status, headers, json };
    }),
  );
}

describe('Every route answers 503 with a code, and not a word of the inside', () => {
  test('over a database that was never migrated', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'escapement-test-'));
    const db = openSqlite(join(folder, 'jobs.db'), 'normal');
    for (const { name, status, headers, json } of await answersOf({ DB: new SqlitePort(db) })) {
      expect({ name, status, code: json.code }).toEqual({ name, status: 503, code: 'database_unavailable' });
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect(db.prepare('SELECT count(*) FROM sqlite_master').pluck().get()).toBe(0);
    // Who runs the service is told what the client is not.
    expect(logged.filter((line) => line.includes('no such table'))).toHaveLength(routes.length);
    db.close();
    rmSync(folder, { recursive: true });
  });

  test('without the binding DB', async () => {
    for (const { name, status, json } of await answersOf({}, ['DB']))
      expect({ name, status, code: json.code }).toEqual({ name, status: 503, code: 'database_unavailable' });
  });

  test.each([
    ['RL_CAPACITY', '0'],
    ['RL_CAPACITY', 'many'],
    ['LEASE_MS', '-1'],
    ['RETENTION_DAYS', '1e3'],
    ['LOG_LEVEL', 'loud'],
    ['WEBHOOK_ALLOW_PRIVATE', 'yes'],
    ['EMAIL_URL', 'http://user:hunter22@mail'],
    ['BOOTSTRAP_ADMIN_TOKEN', 'hunter2'],
    ['TICK_SECRET', 'hunter2 hunter2'],
  ])('with the setting %s=%s', async (setting, value) => {
    for (const { name, status, json } of await answersOf({ [setting]: value })) {
      expect({ name, status, code: json.code }).toEqual({ name, status: 503, code: 'misconfigured' });
      expect(json.detail).toContain(setting);
      if (value.length > 4) expect(JSON.stringify(json)).not.toContain(value);
    }
    expect(logged.join()).not.toContain('hunter2');
  });

  test.each([
    ['database is locked', 'SQLITE_BUSY', 'database_busy'],
    ['database is locked', 'SQLITE_BUSY_SNAPSHOT', 'database_busy'],
    ['disk I/O error', 'SQLITE_IOERR_WRITE', 'database_unavailable'],
    ['database disk image is malformed', 'SQLITE_CORRUPT', 'database_unavailable'],
    ['attempt to write a readonly database', 'SQLITE_READONLY', 'database_unavailable'],
    ['unable to open database file', 'SQLITE_CANTOPEN', 'database_unavailable'],
    ['D1_ERROR: no such table: jobs: SQLITE_ERROR', undefined, 'database_unavailable'],
    ['D1_ERROR: Network connection lost.', undefined, 'database_unavailable'],
    ['fetch failed', undefined, 'database_unavailable'],
  ])('over a database that says "%s" (%s)', async (message, code, expected) => {
    const error = Object.assign(new Error(message), code && { code });
    for (const { name, status, headers, json } of await answersOf({ DB: broken(error) })) {
      expect({ name, status, code: json.code }).toEqual({ name, status: 503, code: expected });
      expect(JSON.stringify(json)).not.toContain(message);
      expect(headers.get('retry-after')).toBe('1');
    }
  });
});

test.each([
  ['database or disk is full', 'SQLITE_FULL'],
  ['disk I/O error', 'SQLITE_IOERR_SHMSIZE'],
  ['D1_ERROR: database or disk is full: SQLITE_FULL', undefined],
  ['D1_ERROR: Exceeded maximum DB size', undefined],
  ['SERVER_ERROR: Server returned HTTP status 400: SQLite error: database or disk is full', undefined],
])('over a database that says "%s" (%s) every route answers 507, and when to come again', async (message, code) => {
  const error = Object.assign(new Error(message), code && { code });
  for (const { name, status, headers, json } of await answersOf({ DB: broken(error) })) {
    expect({ name, status, code: json.code }).toEqual({ name, status: 507, code: 'storage_full' });
    expect(JSON.stringify(json)).not.toContain(message);
    expect(headers.get('retry-after')).toBe('10');
  }
  // What the storage says is a line; where it was said helps nobody.
  expect(logged.filter((line) => line.includes(message))).toHaveLength(routes.length);
  expect(logged.join()).not.toMatch(/\.ts:\d/);
});

test('over a file that can only be read whatever writes is a 503; the health check and idle ticks do not write', async () => {
  const db = new Sqlite(join(system.folder, 'jobs.db'), { readonly: true });
  const idle = ['health', ...ticks.map(({ name }) => name)];
  for (const { name, status, json } of await answersOf({ DB: new SqlitePort(db) })) {
    const expected = idle.includes(name) ? [200, undefined] : [503, 'database_unavailable'];
    expect({ name, answer: [status, json.code] }).toEqual({ name, answer: expected });
  }
  db.close();
});

test('what nobody foresaw is a 500 that says nothing, and a log line that says all', async () => {
  const secret = new Error('SELECT token FROM secrets at /srv/app/core/x.ts:1:1');
  for (const { name, status, json } of await answersOf({ DB: broken(secret) })) {
    expect({ name, status, code: json.code }).toEqual({ name, status: 500, code: 'internal' });
    expect(JSON.stringify(json)).not.toMatch(/secrets|srv/);
  }
  expect(logged.filter((line) => line.includes('/srv/app/core/x.ts'))).toHaveLength(routes.length);
});

test.each([['a text'], [null], [undefined], [7], [{ message: 'odd' }]])(
  'what throws %j is a 500, too',
  async (thrown) => {
    for (const { status, json } of await answersOf({ DB: broken(thrown) }))
      expect([status, json.code]).toEqual([500, 'internal']);
  },
);

test('while another process writes, a request waits, then is a 503 that changed nothing, and later is served', async () => {
  const call = routed(system);
  const other = new Sqlite(join(system.folder, 'jobs.db'));
  other.exec('BEGIN IMMEDIATE');
  const answer = await call('POST', '/v1/jobs', bodies['schedule-job']);
  expect(answer).toMatchObject({ status: 503, json: { code: 'database_busy' } });
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(rowCounts(system.db)).toEqual({ jobs: 0, logs: 0 });
  const waiting = call('POST', '/v1/jobs', bodies['schedule-job']);
  other.exec('COMMIT');
  expect((await waiting).status).toBe(201);
  other.close();
  expect(system.breaches()).toEqual([]);
});
