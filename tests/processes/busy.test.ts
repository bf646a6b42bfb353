import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, pause, Server } from '../support/server.ts';

afterEach(cleanUp);

const sleep = { task_type: 'sleep', payload: { ms: 0 } };

test('while another program holds the write lock, writes are turned away politely, the rest goes on, and all recovers', async () => {
  const server = await Server.start({ bare: true });
  const long = await server.schedule('sleep', { ms: 1000 });
  await server.until(long.id, ['running']);

  const other = new Sqlite(server.file);
  other.exec('BEGIN IMMEDIATE');
  const start = performance.now();
  const writes = Array.from({ length: 200 }, () => server.call('POST', '/v1/jobs', sleep));
  // The answers to these come while the writes wait.
  let pending = true;
  void Promise.all(writes).then(() => {
    pending = false;
  });
  let probes = 0;
  for (; pending; probes++) {
    expect((await server.call('GET', '/healthz')).status).toBe(200);
    await pause(20);
  }
  expect(probes).toBeGreaterThan(5);
  // Each waits about two seconds, all of them together: not one behind the other, which would take ten times as long.
  expect(performance.now() - start).toBeLessThan(15_000);
  for (const answer of await Promise.all(writes)) {
    expect(answer).toMatchObject({ status: 503, json: { code: 'database_busy', status: 503 } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(JSON.stringify(answer.json)).not.toMatch(/SQLITE|SELECT|INSERT|locked/);
  }
  other.exec('COMMIT');
  other.close();

  // The job whose handler ended while nothing could be written.
  expect(await server.until(long.id, ['done'])).toMatchObject({ retries: 0, result: { slept_ms: 1000 } });
  const { id } = await server.schedule('sleep', { ms: 0 });
  await server.until(id, ['done']);
  expect((await server.call('GET', '/v1/jobs/report')).json.totals).toMatchObject({ done: 2, pending: 0, dlq: 0 });
  const db = new Sqlite(server.file, { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
  expect(await server.stop()).toBe(0);
});

test('a lock that is held for a moment is waited for, and nobody notices', async () => {
  const server = await Server.start({ bare: true });
  const other = new Sqlite(server.file);
  other.exec('BEGIN IMMEDIATE');
  const answer = server.call('POST', '/v1/jobs', sleep);
  await pause(300);
  other.exec('COMMIT');
  other.close();
  expect((await answer).status).toBe(201);
  expect(server.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
});
