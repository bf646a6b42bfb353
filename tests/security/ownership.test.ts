import { afterEach, beforeEach, expect, test } from 'vitest';
import coordinate from '../../functions/coordinate.ts';
import processBatch from '../../functions/process-batch.ts';
import { contentsOf } from '../support/contents.ts';
import { type Call, routed, withoutId } from '../support/contract.ts';
import { type Answer, System } from '../support/system.ts';

let system: System;
let call: Call;
let ada: { id: string; token: string };
let bob: { id: string; token: string };

beforeEach(async () => {
  system = new System({ MAX_DLQ_REDRIVES: '0' });
  call = routed(system);
  ada = await system.user('user', 'ada');
  bob = await system.user('user', 'bob');
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const mail = { to: 'a@example.com', subject: 's', text: 't' };

/** A job of Ada's in each place that somebody might try to touch: waiting, and in the dead-letter queue. */
async function jobsOfAda(): Promise<string[]> {
  const waiting = await system.schedule('sleep', { ms: 1 }, { delay_ms: 60_000 }, ada.token);
  const buried = await system.schedule('sendEmail', mail, {}, ada.token);
  await processBatch.scheduled({}, system.env);
  await coordinate.scheduled({}, system.env);
  expect((await system.job(buried.id)).status).toBe('dlq');
  return [waiting.id, buried.id];
}

const bytesOf = ({ status, headers, json }: Answer) => ({
  status,
  text: JSON.stringify(withoutId(json)),
  headers: [...headers].filter(([name]) => name !== 'ratelimit' && name !== 'x-request-id'),
});

test('the job of another is not there: the answer is that for an id that nobody has', async () => {
  const nobodys = '01a20b70-1783-75a0-87b7-6cc65af4ac51';
  for (const id of await jobsOfAda()) {
    const asks: [string, (id: string) => string, object?][] = [
      ['GET', (one) => `/v1/jobs/${one}`],
      ['POST', (one) => `/v1/jobs/${one}/cancel`],
      ['POST', (one) => `/v1/jobs/${one}/redrive`, { reason: 'mine now' }],
      ['GET', (one) => `/v1/logs?job_id=${one}`],
      ['GET', (one) => `/v1/logs?job_id=${one}&event=scheduled&limit=1`],
    ];
    for (const [method, path, body] of asks) {
      const foreign = await call(method, path(id), body, { token: bob.token });
      const absent = await call(method, path(nobodys), body, { token: bob.token });
      expect({ path: path(id), status: foreign.status }).toEqual({ path: path(id), status: 404 });
      // Byte for byte, with the same headers: only the bucket is one request emptier, and each request has its own id.
      expect(bytesOf(foreign)).toEqual(bytesOf(absent));
      expect((await call(method, path(id), body, { token: ada.token })).status).not.toBe(404);
    }
  }
});

test('what Bob tries on Ada’s jobs changes neither them nor their logs', async () => {
  const ids = await jobsOfAda();
  const before = contentsOf(system.db);
  const jobs = await Promise.all(ids.map((id) => system.job(id)));
  for (const id of ids) {
    await call('POST', `/v1/jobs/${id}/cancel`, undefined, { token: bob.token });
    await call('POST', `/v1/jobs/${id}/redrive`, { reason: 'x' }, { token: bob.token });
  }
  await call('POST', '/v1/dlq/redrive', { reason: 'x' }, { token: bob.token });
  expect(contentsOf(system.db)).toEqual(before);
  expect(await Promise.all(ids.map((id) => system.job(id)))).toEqual(jobs);
});

test('every list, log and report shows a user its own and nothing else, and an admin all', async () => {
  await jobsOfAda();
  const own = await system.schedule('transform', { input: 1, expression: '@' }, {}, bob.token);
  const seen = async (path: string, token?: string) =>
    (await call('GET', path, undefined, token ? { token } : {})).json;
  expect((await seen('/v1/jobs', bob.token)).items.map(({ id }: { id: string }) => id)).toEqual([own.id]);
  expect((await seen('/v1/jobs?status=dlq', bob.token)).items).toEqual([]);
  const logs = (await seen('/v1/logs?limit=100', bob.token)).items as { owner_id: string }[];
  expect(new Set(logs.map(({ owner_id }) => owner_id))).toEqual(new Set([bob.id]));
  const report = await seen('/v1/jobs/report', bob.token);
  expect(report).toMatchObject({ counts: { pending: { transform: 1 }, dlq: {} }, dlqItems: [] });
  expect((await seen('/v1/jobs')).items).toHaveLength(3);
  expect((await seen('/v1/jobs/report')).totals).toMatchObject({ pending: 2, dlq: 1 });
  expect((await seen(`/v1/jobs?owner_id=${bob.id}`)).items).toHaveLength(1);
});

test('a user may not name an owner, not even itself', async () => {
  for (const owner of [ada.id, bob.id, 'bootstrap']) {
    const answer = await call('GET', `/v1/jobs?owner_id=${owner}`, undefined, { token: bob.token });
    expect(answer).toMatchObject({ status: 403, json: { code: 'forbidden' } });
  }
});

test('the key of another user is free: the same key makes two jobs', async () => {
  const body = { task_type: 'sleep', payload: { ms: 1 }, idempotency_key: 'order-17' };
  const first = await call('POST', '/v1/jobs', body, { token: ada.token });
  const second = await call('POST', '/v1/jobs', body, { token: bob.token });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.json.id).not.toBe(first.json.id);
  expect(second.json.owner_id).toBe(bob.id);
});

test('an admin reads, cancels and redrives what belongs to others', async () => {
  const [waiting, buried] = await jobsOfAda();
  expect((await call('GET', `/v1/jobs/${waiting}`)).json.owner_id).toBe(ada.id);
  expect((await call('GET', `/v1/logs?job_id=${waiting}`)).json.items).toHaveLength(1);
  expect((await call('POST', `/v1/jobs/${waiting}/cancel`)).json.status).toBe('cancelled');
  expect((await call('POST', `/v1/jobs/${buried}/redrive`, { reason: 'x' })).json).toMatchObject({
    ...{ status: 'pending', owner_id: ada.id },
  });
});

test('a key, a filter or a count tells a user nothing of what another has', async () => {
  const body = { task_type: 'transform', payload: { input: 'secret', expression: '@' }, idempotency_key: 'order-18' };
  const before = await Promise.all(
    ['/v1/jobs', '/v1/logs', '/v1/jobs/report', '/v1/jobs?task_type=transform', '/v1/logs?event=scheduled'].map(
      async (path) => [path, (await call('GET', path, undefined, { token: bob.token })).json] as const,
    ),
  );
  await jobsOfAda();
  await call('POST', '/v1/jobs', body, { token: ada.token });
  for (const [path, json] of before)
    expect((await call('GET', path, undefined, { token: bob.token })).json).toEqual(json);
  // The same key with another body is no conflict: keys of different users never meet.
  const other = { ...body, payload: { input: 1, expression: '@' } };
  const answer = await call('POST', '/v1/jobs', other, { token: bob.token });
  expect({ status: answer.status, replayed: answer.headers.get('idempotent-replayed') }).toEqual({
    ...{ status: 201, replayed: null },
  });
  expect(JSON.stringify(answer.json)).not.toContain('secret');
});

test('a cursor of another user, or of another filter, is refused as one that was made up', async () => {
  for (let i = 0; i < 3; i++) await system.schedule('sleep', { ms: i }, { delay_ms: 60_000 }, ada.token);
  for (const list of ['/v1/jobs', '/v1/logs']) {
    const { next_cursor } = (await call('GET', `${list}?limit=1`, undefined, { token: ada.token })).json;
    const ask = (cursor: string, token?: string) =>
      call('GET', `${list}?limit=1&cursor=${cursor}`, undefined, token ? { token } : {});
    expect((await ask(next_cursor, ada.token)).status).toBe(200);
    const madeUp = bytesOf(await ask('made-up', bob.token));
    expect(madeUp).toMatchObject({ status: 400 });
    expect(bytesOf(await ask(next_cursor, bob.token))).toEqual(madeUp);
    expect(bytesOf(await ask(next_cursor)).status).toBe(400);
  }
});
