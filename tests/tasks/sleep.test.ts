import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, Server } from '../support/server.ts';

afterEach(cleanUp);

test('sleeps for as long as it is told, and says so', async () => {
  const server = await Server.start({ bare: true });
  for (const ms of [0, 1, 300]) {
    const { id } = await server.schedule('sleep', { ms });
    const job = await server.until(id, ['done']);
    expect(job).toMatchObject({ result: { slept_ms: ms }, error: null, retries: 0 });
    expect(Date.parse(job.finished_at) - Date.parse(job.started_at)).toBeGreaterThanOrEqual(ms);
  }
});

test('ends early when its job is cancelled while it runs, and makes room for the next one', async () => {
  const server = await Server.start({ env: { PROCESS_CONCURRENCY: '1' }, bare: true });
  const { id } = await server.schedule('sleep', { ms: 3_600_000 });
  await server.until(id, ['running']);
  const next = await server.schedule('sleep', { ms: 0 });
  const asked = await server.call('POST', `/v1/jobs/${id}/cancel`);
  expect(asked).toMatchObject({ status: 200, json: { status: 'running', cancel_requested_at: expect.any(String) } });
  const job = await server.until(id, ['cancelled']);
  expect(job).toMatchObject({ result: null, retries: 0, lease_worker: null, lease_until: null });
  expect(await server.until(next.id, ['done'])).toMatchObject({ lease_epoch: 1 });
  // Nothing of it is left that would hold up the end.
  expect(await server.stop()).toBe(0);
  const db = new Sqlite(server.file, { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
});

test('ends early when its time is out', async () => {
  const server = await Server.start({ bare: true });
  const { id } = await server.schedule('sleep', { ms: 3_600_000 }, { timeout_ms: 200, max_retries: 0 });
  const job = await server.until(id, ['dlq']);
  expect(job).toMatchObject({ result: null, error: 'The job ran out of time after 200 ms.', retries: 1 });
  expect(await server.stop()).toBe(0);
});

test('cannot be scheduled without a time, or with one that is none', async () => {
  const server = await Server.start({ bare: true });
  const bad = [{}, { ms: -1 }, { ms: 0.5 }, { ms: '5' }, { ms: null }, { ms: 86_400_001 }, { ms: 1, more: 1 }];
  for (const payload of bad) {
    const answer = await server.call('POST', '/v1/jobs', { task_type: 'sleep', payload });
    expect([payload, answer.status, answer.json.code]).toEqual([payload, 422, 'invalid_payload']);
  }
});
