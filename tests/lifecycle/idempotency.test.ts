import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import processBatch from '../../functions/process-batch.ts';
import { ADMIN, System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const request = { task_type: 'transform', payload: { input: { a: 1, b: [2] }, expression: 'a' } };
const post = (body: object | string, key?: string, token = ADMIN) =>
  system.call('POST', '/v1/jobs', body, { token, headers: key === undefined ? {} : { 'idempotency-key': key } });
const postBatch = (...jobs: object[]) => system.call('POST', '/v1/jobs/batch', { jobs });
const jobs = () => system.db.prepare('SELECT count(*) FROM jobs').pluck().get();
const scheduled = () => system.db.prepare("SELECT count(*) FROM logs WHERE event = 'scheduled'").pluck().get();

describe('A request with an idempotency key', () => {
  test('sent again is answered with the first job and says that it was replayed', async () => {
    const first = await post({ ...request, idempotency_key: 'k' });
    expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([201, null]);
    await system.clock.advance(1000);
    const again = await post({ ...request, idempotency_key: 'k' });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get('location')).toBe(`/v1/jobs/${first.json.id}`);
    expect([jobs(), scheduled()]).toEqual([1, 1]);
  });

  test.each([
    ['another payload', { payload: { input: { a: 2, b: [2] }, expression: 'a' } }],
    ['another order in an array', { payload: { input: { a: 1, b: [2, 3] }, expression: 'a' } }],
    ['another task type', { task_type: 'sleep', payload: { ms: 1 } }],
    ['another priority', { priority: 1 }],
    ['other retries', { max_retries: 4 }],
    ['another time', { delay_ms: 1 }],
    ['another timeout', { timeout_ms: 1000 }],
  ])('but %s is refused with 422, and the first job stays as it was', async (_, change) => {
    const first = await post({ ...request, idempotency_key: 'k' });
    const other = await post({ ...request, ...change, idempotency_key: 'k' });
    expect(other).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' } });
    expect(await system.job(first.json.id)).toEqual(first.json);
    expect([jobs(), scheduled()]).toEqual([1, 1]);
  });

  test('is the same request whatever the order of its keys, and with defaults written out', async () => {
    const first = await post(
      '{"task_type":"transform","payload":{"input":{"a":1,"b":[2]},"expression":"a"},"idempotency_key":"k"}',
    );
    const swapped = `{"idempotency_key":"k", "payload":{"expression":"\\u0061","input":{"b":[2.0],"a":1}},"task_type":"transform"}`;
    const explicit = { ...request, max_retries: 3, priority: 0, idempotency_key: 'k' };
    for (const same of [swapped, explicit]) expect(await post(same)).toMatchObject({ status: 200, json: first.json });
    expect(jobs()).toBe(1);
  });

  test('may carry the key in the header, in the body, or the same in both', async () => {
    const first = await post(request, 'k');
    expect(first).toMatchObject({ status: 201, json: { idempotency_key: 'k' } });
    const inBody = { ...request, idempotency_key: 'k' };
    for (const again of [await post(request, 'k'), await post(inBody), await post(inBody, 'k')])
      expect(again).toMatchObject({ status: 200, json: { id: first.json.id } });
    expect(await post(inBody, 'other')).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
    expect(jobs()).toBe(1);
  });

  test('schedules nothing when it is refused, and the key stays free', async () => {
    expect((await post({ ...request, task_type: 'nothing', idempotency_key: 'k' })).status).toBe(422);
    expect((await post({ ...request, idempotency_key: 'k' })).status).toBe(201);
  });

  test('sent many times at once makes one job, and every answer is that job', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => post({ ...request, idempotency_key: 'k' })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(24);
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect([jobs(), scheduled()]).toEqual([1, 1]);
  });

  test('sent at once with different bodies admits one body only', async () => {
    const bodies = [0, 1, 2, 0, 1, 2].map((priority) => ({ ...request, priority, idempotency_key: 'k' }));
    const answers = await Promise.all(bodies.map((body) => post(body)));
    const winner = answers.find(({ status }) => status === 201)?.json;
    for (const [i, { status, json }] of answers.entries()) {
      if (bodies[i]?.priority === winner.priority) expect(json.id).toBe(winner.id);
      else expect(status).toBe(422);
    }
    expect(jobs()).toBe(1);
  });

  test('of another owner is another request, though the key is the same', async () => {
    const [ada, bob] = [await system.user(), await system.user('user', 'bob')];
    const hers = await post({ ...request, idempotency_key: 'k' }, undefined, ada.token);
    const his = await post({ ...request, priority: 9, idempotency_key: 'k' }, undefined, bob.token);
    expect([hers.status, his.status]).toEqual([201, 201]);
    expect([hers.json.owner_id, his.json.owner_id]).toEqual([ada.id, bob.id]);
    expect(his.json.id).not.toBe(hers.json.id);
  });

  test('is replayed after its job is done, and does not run it again', async () => {
    const { json } = await post({ ...request, idempotency_key: 'k' });
    await processBatch.scheduled({}, system.env);
    const again = await post({ ...request, idempotency_key: 'k' });
    expect(again).toMatchObject({ status: 200, json: { id: json.id, status: 'done', result: 1 } });
    expect(await processBatch.scheduled({}, system.env)).toMatchObject({ claimed: 0 });
  });

  test('tells keys apart by case, by spaces inside and by every character', async () => {
    const keys = ['a', 'A', 'a b', 'a  b', 'ä', 'a%', '_', `k' OR '1'='1`];
    for (const idempotency_key of keys) expect((await post({ ...request, idempotency_key })).status).toBe(201);
    expect(jobs()).toBe(keys.length);
  });
});

describe('A request without a key', () => {
  test('sent again makes another job', async () => {
    const [first, second] = [await post(request), await post(request)];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.json.id).not.toBe(first.json.id);
  });
});

describe('A batch', () => {
  const keyed = (idempotency_key: string, more: object = {}) => ({ ...request, ...more, idempotency_key });

  test('sent again is answered with the same jobs in the same order', async () => {
    const set = [keyed('a'), keyed('b', { priority: 3 }), keyed('c')];
    const first = await postBatch(...set);
    const again = await postBatch(...set);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json).toEqual(first.json);
    expect(first.json.items.map((job: { idempotency_key: string }) => job.idempotency_key)).toEqual(['a', 'b', 'c']);
    expect([jobs(), scheduled()]).toEqual([3, 3]);
  });

  test('adds what is new beside what is replayed', async () => {
    const { json: b } = await post(keyed('b'));
    const { status, json } = await postBatch(keyed('a'), keyed('b'), request);
    expect(status).toBe(201);
    expect(json.items[1]).toEqual(b);
    expect(new Set(json.items.map(({ id }: { id: string }) => id)).size).toBe(3);
    expect([jobs(), scheduled()]).toEqual([3, 3]);
  });

  test('with the same request twice under one key makes one job of them', async () => {
    const { status, json } = await postBatch(keyed('a'), request, keyed('a'));
    expect(status).toBe(201);
    expect(json.items[0]).toEqual(json.items[2]);
    expect([jobs(), scheduled()]).toEqual([2, 2]);
  });

  test('with two requests under one key is refused whole, and names the second', async () => {
    const { status, json } = await postBatch(request, keyed('a'), keyed('a', { priority: 1 }));
    expect([status, json.code]).toEqual([422, 'idempotency_key_reused']);
    expect(json.errors).toMatchObject([{ path: '/jobs/2/idempotency_key' }]);
    expect([jobs(), scheduled()]).toEqual([0, 0]);
  });

  test('with a key of another request is refused whole, and names it', async () => {
    await post(keyed('b'));
    const { status, json } = await postBatch(request, keyed('a'), keyed('b', { priority: 1 }), keyed('c'));
    expect([status, json.code]).toEqual([422, 'idempotency_key_reused']);
    expect(json.errors).toMatchObject([{ path: '/jobs/2/idempotency_key' }]);
    expect([jobs(), scheduled()]).toEqual([1, 1]);
    expect((await post(keyed('a'))).status).toBe(201);
  });

  test('with one job that is wrong schedules none of them', async () => {
    const { status, json } = await postBatch(request, { task_type: 'sleep', payload: { ms: -1 } }, request);
    expect([status, json.code]).toEqual([422, 'invalid_payload']);
    expect(json.errors).toMatchObject([{ path: '/jobs/1/payload/ms' }]);
    expect([jobs(), scheduled()]).toEqual([0, 0]);
  });
});

describe('Any mix of keyed requests', () => {
  test('leaves one job for each key, and every success returned that job', async () => {
    const one = fc.record({ key: fc.constantFrom('a', 'b', 'c'), priority: fc.integer({ min: 0, max: 1 }) });
    const calls = fc.array(fc.array(one, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(calls, async (sets) => {
        system.close();
        system = new System();
        const answers = await Promise.all(
          sets.map((set) =>
            postBatch(...set.map(({ key, priority }) => ({ ...request, priority, idempotency_key: key }))),
          ),
        );
        const returned = answers.flatMap(({ status, json }) => (status === 201 ? json.items : []));
        for (const { status } of answers) expect([201, 422]).toContain(status);
        const ids = new Map<string, Set<string>>();
        for (const { idempotency_key: key, id } of returned) ids.set(key, (ids.get(key) ?? new Set()).add(id));
        for (const set of ids.values()) expect(set.size).toBe(1);
        expect(jobs()).toBe(ids.size);
        expect(system.breaches()).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});
