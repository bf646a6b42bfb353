import { afterEach, expect, test } from 'vitest';
import { openApiDocument } from '../../emulator/openapi.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { routed, rowCounts } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

function started(settings: Record<string, string> = {}) {
  system = new System(settings);
  return routed(system);
}

const withSecret = (secret: string, token: string | null = null) => ({ token, headers: { 'x-tick-secret': secret } });
const names = ticks.map(({ name }) => name);

test.each(names)(
  '%s answers its counts, all of them whole numbers it documents, to who knows the secret',
  async (name) => {
    const call = started();
    await system.schedule('transform', { input: 1, expression: '@' });
    const { status, json } = await call('POST', `/v1/ticks/${name}`, undefined, withSecret('tick-secret'));
    expect(status).toBe(200);
    const documented = Object.keys(ticks.find((tick) => tick.name === name)?.counts ?? {});
    for (const [key, count] of Object.entries(json)) {
      expect(documented).toContain(key);
      expect(count).toEqual(expect.any(Number));
      expect(Number.isInteger(count)).toBe(true);
    }
  },
);

test('a tick over HTTP does the work of the tick', async () => {
  const call = started();
  const { id } = await system.schedule('transform', { input: 1, expression: '@' });
  const { json } = await call('POST', '/v1/ticks/process-batch', undefined, withSecret('tick-secret'));
  expect(json).toMatchObject({ claimed: 1, done: 1 });
  expect((await system.job(id)).status).toBe('done');
});

test('a tick looks at no body and no query: schedulers send what they please, and the document says so', async () => {
  const call = started();
  for (const [path, body] of [
    ['/v1/ticks/coordinate?from=cron&from=cron', undefined],
    ['/v1/ticks/coordinate', '{"scheduled_at": "2027-01-15T08:00:00Z"}'],
    ['/v1/ticks/coordinate', 'not JSON'],
    ['/v1/ticks/coordinate', ' '.repeat(2_000_000)],
  ] as const)
    expect((await call('POST', path, body, withSecret('tick-secret'))).status).toBe(200);
  const { description } = openApiDocument(endpoints, ticks).paths['/v1/ticks/{name}'].post;
  expect(description).toContain('A query or a body');
});

test.each(names)('%s does nothing for a wrong secret, a part of it, none, or an admin’s token', async (name) => {
  const call = started();
  await system.schedule('transform', { input: 1, expression: '@' });
  const before = rowCounts(system.db);
  for (const options of [
    { token: null },
    {},
    withSecret(''),
    withSecret('tick-secre'),
    withSecret('tick-secrett'),
    withSecret('TICK-SECRET'),
    withSecret('tick-secret, tick-secret'),
  ]) {
    const answer = await call('POST', `/v1/ticks/${name}`, undefined, options);
    expect(answer).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
  }
  expect(rowCounts(system.db)).toEqual(before);
});

test.each(names)('%s opens to nobody while TICK_SECRET is not set', async (name) => {
  const call = started({ TICK_SECRET: '' });
  for (const secret of ['', 'tick-secret', 'undefined', 'null'])
    expect((await call('POST', `/v1/ticks/${name}`, undefined, withSecret(secret))).status).toBe(401);
});

test('an unknown tick is a 404 to who knows the secret and to users, a 401 to strangers', async () => {
  const call = started();
  expect(await call('POST', '/v1/ticks/none', undefined, withSecret('tick-secret'))).toMatchObject({
    ...{ status: 404, json: { code: 'not_found' } },
  });
  expect((await call('POST', '/v1/ticks/none')).status).toBe(404);
  expect((await call('POST', '/v1/ticks/none', undefined, withSecret('wrong-one'))).status).toBe(401);
});

test('the secret opens ticks and nothing else', async () => {
  const call = started();
  for (const path of ['/v1/jobs', '/v1/users', '/v1/logs', '/v1/jobs/report'])
    expect((await call('GET', path, undefined, withSecret('tick-secret'))).status).toBe(401);
  const job = { task_type: 'sleep', payload: { ms: 0 } };
  expect((await call('POST', '/v1/jobs', job, withSecret('tick-secret'))).status).toBe(401);
  expect(rowCounts(system.db)).toEqual({ jobs: 0, logs: 0 });
});
