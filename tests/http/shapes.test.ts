import { afterAll, beforeAll, expect, test } from 'vitest';
import { exampleJob, exampleLog, exampleUser } from '../../core/examples.ts';
import { statuses } from '../../core/lifecycle/states.ts';
import coordinate from '../../functions/coordinate.ts';
import { endpoints } from '../../functions/index.ts';
import processBatch from '../../functions/process-batch.ts';
import { type Call, type CallOptions, routed, routeOf } from '../support/contract.ts';
import { System } from '../support/system.ts';

// `routed` parses every answer by the schema its endpoint declares, and wants back exactly what was sent. Here every
// endpoint is made to give every success it declares, over jobs in every state and logs of every kind.

let system: System;
let call: Call;
const seen = new Set<string>();
beforeAll(() => {
  system = new System({ MAX_DLQ_REDRIVES: '0', BACKOFF_BASE_MS: '1000' });
  const held = routed(system);
  call = async (method: string, path: string, body?: unknown, options?: CallOptions) => {
    const answer = await held(method, path, body, options);
    const route = routeOf(method, path);
    // The document is put into the built function only: openapi.test.ts looks at that.
    if (answer.status < 300) seen.add(`${route?.name} ${answer.status}`);
    return answer;
  };
});
afterAll(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const keysOf = (value: object): string[] => Object.keys(value).sort();
const mail = { to: 'a@example.com', subject: 's', text: 't' };

test('scheduling answers the job, where it is, and the same job again for the same key', async () => {
  const body = { task_type: 'transform', payload: { input: { a: [1, null] }, expression: 'a' }, idempotency_key: 'k' };
  const made = await call('POST', '/v1/jobs', body);
  expect(made.status).toBe(201);
  expect(keysOf(made.json)).toEqual(keysOf(exampleJob));
  expect(made.headers.get('location')).toBe(`/v1/jobs/${made.json.id}`);
  expect(made.headers.has('idempotent-replayed')).toBe(false);
  const again = await call('POST', '/v1/jobs', body);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  expect([again.headers.get('location'), again.json]).toEqual([made.headers.get('location'), made.json]);
  const { json } = await call('POST', '/v1/jobs/batch', { jobs: [body, { task_type: 'sleep', payload: { ms: 0 } }] });
  expect(json.items.map(keysOf)).toEqual([keysOf(exampleJob), keysOf(exampleJob)]);
});

test('a job of each state is shown by each route that shows jobs', async () => {
  await call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 }, delay_ms: 60_000, priority: -5 });
  const cancelled = await system.schedule('sleep', { ms: 0 }, { delay_ms: 60_000 });
  await call('POST', `/v1/jobs/${cancelled.id}/cancel`);
  const buried = await system.schedule('sendEmail', mail);
  await system.schedule('webhook', { url: 'http://127.0.0.1:9/' }, { timeout_ms: 1000 });
  await processBatch.scheduled({}, system.env);
  await coordinate.scheduled({}, system.env);
  const redriven = await call('POST', `/v1/jobs/${buried.id}/redrive`, { reason: 'again' });
  expect(redriven.json.status).toBe('pending');
  await processBatch.scheduled({}, system.env);
  await coordinate.scheduled({}, system.env);
  const running = await system.schedule('sleep', { ms: 1_000_000 });
  const work = processBatch.scheduled({}, system.env);
  for (let i = 0; i < 20; i++) await system.clock.turn();
  const asked = await call('POST', `/v1/jobs/${running.id}/cancel`);
  expect(asked.json).toMatchObject({ status: 'running', cancel_requested_at: expect.any(String) });

  for (const status of statuses) {
    const { json } = await call('GET', `/v1/jobs?status=${status}`);
    expect({ status, shown: json.items.length > 0 }).toEqual({ status, shown: true });
    const [first] = json.items;
    expect((await call('GET', `/v1/jobs/${first.id}`)).json).toEqual(first);
  }
  const report = (await call('GET', '/v1/jobs/report')).json;
  expect(keysOf(report)).toEqual(['counts', 'dlqItems', 'totals']);
  expect(keysOf(report.counts)).toEqual([...statuses].sort());
  expect(keysOf(report.totals)).toEqual([...statuses].sort());
  expect(report.dlqItems.map(keysOf)).toEqual([keysOf(exampleJob)]);
  const dry = await call('POST', '/v1/dlq/redrive', { reason: 'look', dry_run: true });
  expect(dry.json).toEqual({ matched: 1, redriven: 0, sample: report.dlqItems });
  await system.clock.advance(2000);
  await work;
  expect((await system.job(running.id)).status).toBe('cancelled');
});

test('log entries of every kind have the shape of a log entry', async () => {
  const events = new Set<string>();
  let path = '/v1/logs?limit=7';
  for (;;) {
    const { json } = await call('GET', path);
    for (const entry of json.items) {
      expect(keysOf(entry)).toEqual(keysOf(exampleLog));
      events.add(entry.event);
    }
    if (json.next_cursor === null) break;
    path = `/v1/logs?limit=7&cursor=${json.next_cursor}`;
  }
  const wanted = ['scheduled', 'claimed', 'done', 'failed', 'buried', 'redriven', 'cancel_requested', 'cancelled'];
  for (const event of wanted) expect(events).toContain(event);
});

test('users are shown without their tokens, but for the one answer that makes them', async () => {
  const made = await call('POST', '/v1/users', { name: '  Ada  ', role: 'user' });
  expect(keysOf(made.json)).toEqual([...keysOf(exampleUser), 'token'].sort());
  expect(made.json.name).toBe('Ada');
  const list = (await call('GET', '/v1/users')).json;
  expect(list.items.map(keysOf)).toEqual([keysOf(exampleUser)]);
  const rotated = await call('POST', `/v1/users/${made.json.id}/rotate`);
  expect(keysOf(rotated.json)).toEqual([...keysOf(exampleUser), 'token'].sort());
  const disabled = await call('POST', `/v1/users/${made.json.id}/disable`);
  expect(keysOf(disabled.json)).toEqual(keysOf(exampleUser));
});

test('the health check answers with the version and the newest migration', async () => {
  const { json } = await call('GET', '/healthz', undefined, { token: null });
  expect(json).toEqual({
    status: 'ok',
    version: expect.any(String),
    migration: expect.stringMatching(/^\d{4}_\w+\.sql$/),
  });
});

test('snapshots, news, task types and the page answer in their shapes', async () => {
  expect((await call('GET', '/', undefined, { token: null })).json).toMatch(/^<!doctype html>/);
  await coordinate.scheduled({}, system.env);
  expect((await call('GET', '/v1/dumps')).json.items).toHaveLength(1);
  expect((await call('GET', '/v1/live')).json.logs.length).toBeGreaterThan(0);
  const { items } = (await call('GET', '/v1/tasks')).json;
  expect(items.map(({ type }: { type: string }) => type)).toContain('sleep');
});

test('every success that an endpoint declares was seen here', () => {
  const declared = endpoints.flatMap(({ name, responses }) =>
    Object.keys(responses).map((status) => `${name} ${status}`),
  );
  expect([...seen].sort()).toEqual(declared.filter((one) => one !== 'openapi 200').sort());
});
