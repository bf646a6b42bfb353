import { afterEach, expect, test } from 'vitest';
import { routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
afterEach(() => system.close());

const CAPACITY = 5;
const WINDOW_MS = 10_000;

function limited(more: Record<string, string> = {}) {
  system = new System({ RL_CAPACITY: String(CAPACITY), RL_WINDOW_MS: String(WINDOW_MS), ...more });
  return routed(system);
}

const remaining = (headers: Headers): number => Number(/;r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);

test('every answer counts a bucket down, and the request after the last is told how long to wait', async () => {
  const call = limited();
  const left: number[] = [];
  for (let i = 0; i < CAPACITY; i++) left.push(remaining((await call('GET', '/v1/jobs')).headers));
  expect(left).toEqual([4, 3, 2, 1, 0]);
  const refused = await call('GET', '/v1/jobs');
  expect(refused).toMatchObject({ status: 429, json: { code: 'rate_limited' } });
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(refused.headers.get('ratelimit-policy')).toBe('"default";q=5;w=10');
  expect(refused.headers.get('ratelimit')).toBe('"default";r=0;t=10');
});

test('refusals of every kind spend a token and carry the headers', async () => {
  const call = limited();
  const answers = [
    await call('POST', '/v1/jobs', '{'),
    await call('GET', '/v1/jobs/none'),
    await call('GET', '/v1/nowhere'),
    await call('DELETE', '/v1/jobs'),
    await call('GET', '/v1/jobs?limit=0'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([400, 404, 404, 405, 400]);
  expect(answers.map(({ headers }) => remaining(headers))).toEqual([4, 3, 2, 1, 0]);
});

test('a refused request writes nothing and is refused before its body is looked at', async () => {
  const call = limited();
  for (let i = 0; i < CAPACITY; i++) await call('GET', '/v1/jobs');
  expect((await call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } })).status).toBe(429);
  expect((await call('POST', '/v1/jobs', '{')).status).toBe(429);
  expect(system.db.prepare('SELECT count(*) FROM jobs').pluck().get()).toBe(0);
});

test('tokens come back evenly, one each two seconds here, and never above the capacity', async () => {
  const call = limited();
  for (let i = 0; i < CAPACITY; i++) await call('GET', '/v1/jobs');
  await system.clock.advance(1999);
  expect((await call('GET', '/v1/jobs')).status).toBe(429);
  await system.clock.advance(1);
  expect((await call('GET', '/v1/jobs')).status).toBe(200);
  expect((await call('GET', '/v1/jobs')).status).toBe(429);
  await system.clock.advance(100 * WINDOW_MS);
  expect(remaining((await call('GET', '/v1/jobs')).headers)).toBe(CAPACITY - 1);
});

test('whoever waits as long as Retry-After says is let in', async () => {
  const call = limited({ RL_CAPACITY: '7', RL_WINDOW_MS: '60000' });
  for (let i = 0; i < 30; i++) {
    const { status, headers } = await call('GET', '/v1/jobs');
    if (status !== 429) continue;
    await system.clock.advance(Number(headers.get('retry-after')) * 1000);
    expect((await call('GET', '/v1/jobs')).status).toBe(200);
  }
});

test('one user spends nothing of what another has', async () => {
  const call = limited();
  const [ada, bob] = [await system.user('user', 'ada'), await system.user('user', 'bob')];
  for (let i = 0; i <= CAPACITY; i++) await call('GET', '/v1/jobs', undefined, { token: ada.token });
  expect((await call('GET', '/v1/jobs', undefined, { token: ada.token })).status).toBe(429);
  expect((await call('GET', '/v1/jobs', undefined, { token: bob.token })).status).toBe(200);
});

test('strangers share a bucket by address: no token, a wrong one and a disabled one are one stranger', async () => {
  const call = limited();
  const ada = await system.user('user', 'ada');
  await call('POST', `/v1/users/${ada.id}/disable`);
  const tokens = [null, 'wrong', ada.token, null, 'wrong too'];
  const left: number[] = [];
  for (const token of tokens)
    left.push(remaining((await call('GET', '/v1/jobs', undefined, { token, client: '10.0.0.1' })).headers));
  expect(left).toEqual([4, 3, 2, 1, 0]);
  expect((await call('GET', '/v1/jobs', undefined, { token: null, client: '10.0.0.1' })).status).toBe(429);
  expect((await call('GET', '/openapi.json', undefined, { token: null, client: '10.0.0.1' })).status).toBe(429);
  expect((await call('GET', '/v1/jobs', undefined, { token: null, client: '10.0.0.2' })).status).toBe(401);
  expect((await call('GET', '/v1/jobs', undefined, { client: '10.0.0.1' })).status).toBe(200);
});

test('guessing the tick secret spends a stranger’s tokens; knowing it spends none', async () => {
  const call = limited();
  const guess = () =>
    call('POST', '/v1/ticks/coordinate', undefined, { token: null, headers: { 'x-tick-secret': 'no' } });
  for (let i = 0; i < CAPACITY; i++) expect((await guess()).status).toBe(401);
  expect((await guess()).status).toBe(429);
  const headers = { 'x-tick-secret': 'tick-secret' };
  for (let i = 0; i < 2 * CAPACITY; i++)
    expect((await call('POST', '/v1/ticks/coordinate', undefined, { token: null, headers })).status).toBe(200);
});

test('the health check is never turned away', async () => {
  const call = limited();
  for (let i = 0; i < 4 * CAPACITY; i++) {
    const { status, headers } = await call('GET', '/healthz', undefined, { token: null });
    expect(status).toBe(200);
    expect(headers.has('ratelimit')).toBe(false);
  }
  expect(system.db.prepare('SELECT count(*) FROM rate_limits').pluck().get()).toBe(0);
});

test('X-Forwarded-For is not believed unless proxies are trusted', async () => {
  const call = limited();
  for (let i = 0; i < CAPACITY; i++)
    await call('GET', '/v1/jobs', undefined, { token: null, headers: forwarded(`${i}`) });
  expect((await call('GET', '/v1/jobs', undefined, { token: null, headers: forwarded('9') })).status).toBe(429);
});

test.each([
  ['1', 'spoofed, 1.1.1.1', '1.1.1.1'],
  ['2', 'spoofed, 1.1.1.1, 2.2.2.2', '1.1.1.1'],
  ['3', '1.1.1.1', '127.0.0.1'],
  ['1', '', '127.0.0.1'],
])('with %s trusted hops, "%s" counts for %s', async (hops, header, client) => {
  const call = limited({ TRUSTED_PROXY_HOPS: hops });
  await call('GET', '/v1/jobs', undefined, { token: null, headers: forwarded(header) });
  // Who comes from that address directly takes from the same bucket, and nobody has another.
  const direct = routed(system, system.newEnv({ RL_CAPACITY: String(CAPACITY), RL_WINDOW_MS: String(WINDOW_MS) }));
  const { headers } = await direct('GET', '/v1/jobs', undefined, { token: null, client });
  expect(remaining(headers)).toBe(CAPACITY - 2);
  expect(system.db.prepare('SELECT count(*) FROM rate_limits').pluck().get()).toBe(1);
});

const forwarded = (value: string): Record<string, string> => ({ 'x-forwarded-for': value });
