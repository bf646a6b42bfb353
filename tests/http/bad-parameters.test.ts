import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { endpoints } from '../../functions/index.ts';
import { type Call, routed, rowCounts } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
let call: Call;
let before: unknown;
const users: { id: string; token: string }[] = [];

beforeAll(async () => {
  system = new System();
  call = routed(system);
  for (const name of ['ada', 'bob']) users.push(await system.user('user', name));
  for (const user of users) for (let i = 0; i < 5; i++) await system.schedule('sleep', { ms: i }, {}, user.token);
  before = rowCounts(system.db);
});
afterAll(() => system.close());

afterEach(async () => {
  expect(rowCounts(system.db)).toEqual(before);
  expect((await call('GET', '/v1/jobs/report')).status).toBe(200);
});

const lists = ['/v1/jobs', '/v1/logs', '/v1/users'];

describe('A list', () => {
  test.each(['0', '101', '-1', '1.5', '1e1', 'abc', '', ' 1', '+5', '0x10', '007', '१', 'Infinity', '9'.repeat(400)])(
    'does not take limit=%s',
    async (limit) => {
      for (const list of lists) {
        const answer = await call('GET', `${list}?limit=${encodeURIComponent(limit)}`);
        expect(answer).toMatchObject({ status: 400, json: { code: 'bad_parameter', errors: [{ path: '/limit' }] } });
      }
    },
  );

  test.each(['1', '20', '100'])('takes limit=%s', async (limit) => {
    for (const list of lists) expect((await call('GET', `${list}?limit=${limit}`)).status).toBe(200);
  });

  test.each(['colour=red', 'Limit=5', 'limit[]=5', '__proto__=1', 'constructor=1', '=1', 'offset=3', '%00=1', '%zz=1'])(
    'does not take %s, which it does not know',
    async (query) => {
      for (const list of lists)
        expect(await call('GET', `${list}?${query}`)).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
    },
  );

  test.each(['limit=5&limit=5', 'limit=5&limit=6', '__proto__=1&__proto__=2', 'cursor=a&limit=5&cursor=b'])(
    'does not take a parameter twice: %s',
    async (query) => {
      for (const list of lists)
        expect(await call('GET', `${list}?${query}`)).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
    },
  );
});

test.each([
  ['/v1/jobs?status=sleeping'],
  ['/v1/jobs?status=Pending'],
  ['/v1/jobs?status='],
  ['/v1/jobs?status=pending,done'],
  ['/v1/jobs?task_type='],
  [`/v1/jobs?task_type=${'a'.repeat(65)}`],
  ['/v1/jobs?owner_id='],
  [`/v1/jobs?owner_id=${'a'.repeat(65)}`],
  ['/v1/logs?level=fatal'],
  ['/v1/logs?level=INFO'],
  [`/v1/logs?job_id=${'a'.repeat(65)}`],
  [`/v1/logs?event=${'a'.repeat(65)}`],
  [`/v1/jobs?cursor=${'a'.repeat(201)}`],
])('%s is a 400', async (path) => {
  expect(await call('GET', path)).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
});

test.each([
  '/v1/jobs?task_type=none',
  '/v1/jobs?task_type=%00',
  '/v1/jobs?task_type=%ED%A0%80',
  "/v1/jobs?task_type=' OR 1=1 --",
  '/v1/jobs?owner_id=nobody',
  '/v1/jobs?owner_id=%25',
  '/v1/logs?event=%00&level=info',
  "/v1/logs?event=';DELETE FROM logs",
])('%s finds nothing, and says so', async (path) => {
  expect(await call('GET', path)).toMatchObject({ status: 200, json: { items: [], next_cursor: null } });
});

test('every route without query parameters refuses all of them', async () => {
  for (const { method, path, query } of endpoints) {
    if (query) continue;
    const answer = await call(method, `${path.replace('{id}', 'none')}?verbose=1`);
    expect(answer).toMatchObject({ status: 400, json: { code: 'bad_parameter', errors: [{ path: '/verbose' }] } });
  }
});

test('an id of 65 characters is refused, one of 64 that nobody has is not found', async () => {
  for (const { method, path, body } of endpoints) {
    if (!path.includes('{id}')) continue;
    const content = body ? { reason: 'x' } : undefined;
    expect((await call(method, path.replace('{id}', 'a'.repeat(65)), content)).status).toBe(400);
    expect((await call(method, path.replace('{id}', 'a'.repeat(64)), content)).status).toBe(404);
  }
});

test('an Idempotency-Key that is empty, too long, or not the one in the body is refused', async () => {
  const job = { task_type: 'sleep', payload: { ms: 0 } };
  for (const [body, key] of [
    [job, ''],
    [job, 'k'.repeat(256)],
    [{ ...job, idempotency_key: 'a' }, 'b'],
  ] as const) {
    const answer = await call('POST', '/v1/jobs', body, { headers: { 'idempotency-key': key } });
    expect(answer).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
  }
});
