import { describe, expect, test } from 'vitest';
import { ADMIN } from '../support/system.ts';
import { conform } from './conform.ts';

const sleep = { task_type: 'sleep', payload: { ms: 0 } };

conform({}, (on) => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    on().call('POST', '/v1/jobs', body, { headers });

  describe('scheduling', () => {
    test('stores what was asked for, and answers it with where it is', async () => {
      const payload = {
        input: { 'ключ 🔑': [1, 2.5, -0.001, 9_007_199_254_740_991, null, true, ''] },
        expression: '@',
      };
      const asked = { task_type: 'transform', payload, priority: -7, max_retries: 0, timeout_ms: 86_400_000 };
      const { status, json, headers } = await post({ ...asked, run_at: '2031-01-02T03:04:05.678+01:00' });
      expect([status, headers.get('location')]).toEqual([201, `/v1/jobs/${json.id}`]);
      expect(json).toMatchObject({
        ...asked,
        status: 'pending',
        run_at: '2031-01-02T02:04:05.678Z',
        owner_id: 'bootstrap',
      });
      expect(await on().job(json.id)).toEqual(json);
    });

    test('keeps numbers whole and text exact in the database', async () => {
      await post({ ...sleep, priority: 3, timeout_ms: 5, run_at: '2031-01-02T03:04:05.678Z' });
      const types = 'priority, run_at, timeout_ms, max_retries, created_at, lease_epoch'
        .split(', ')
        .map((column) => `typeof(${column}) AS ${column}`);
      expect(Object.values((await on().sql(`SELECT ${types} FROM jobs`))[0] ?? {})).toEqual(Array(6).fill('integer'));
    });

    test('takes a job that is due at the edge of ten years, and none beyond', async () => {
      expect((await post({ ...sleep, delay_ms: 3_652 * 86_400_000 })).status).toBe(201);
      expect((await post({ ...sleep, delay_ms: 3_652 * 86_400_000 + 1 })).status).toBe(422);
    });
  });

  describe('an idempotency key', () => {
    test('makes a repeated request answer the first job, and a different one a 422', async () => {
      const body = { ...sleep, idempotency_key: 'order-17' };
      const first = await post(body);
      const again = await post(body);
      expect([first.status, again.status]).toEqual([201, 200]);
      expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([
        null,
        'true',
      ]);
      expect(again.json).toEqual(first.json);
      // The header is the same key; the order of members does not matter.
      const { status, json } = await post(
        { payload: { ms: 0 }, task_type: 'sleep' },
        { 'Idempotency-Key': 'order-17' },
      );
      expect([status, json.id]).toEqual([200, first.json.id]);
      const other = await post({ ...body, payload: { ms: 1 } });
      expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused']);
      expect((await post({ ...body, idempotency_key: 'order-18' }, { 'Idempotency-Key': 'order-17' })).status).toBe(
        400,
      );
      expect(await on().size()).toMatchObject({ jobs: 1, logs: 1 });
    });

    test('answers the job as it is now, and is one for each owner', async () => {
      const body = { ...sleep, idempotency_key: 'k' };
      const { json } = await post(body);
      await on().tick('process-batch');
      expect((await post(body)).json).toMatchObject({ id: json.id, status: 'done' });
      const { token, id } = await on().user();
      const theirs = await on().call('POST', '/v1/jobs', body, { token });
      expect([theirs.status, theirs.json.owner_id]).toEqual([201, id]);
    });

    test('sent by many at once makes one job, and all are answered it', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => post({ ...sleep, idempotency_key: 'many' })));
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array(11).fill(200), 201]);
      expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
      expect(await on().size()).toMatchObject({ jobs: 1, logs: 1 });
    });
  });

  describe('a batch', () => {
    const batch = (jobs: unknown) => on().call('POST', '/v1/jobs/batch', { jobs });

    test('of 1,000 jobs is accepted in order, whole', async () => {
      const { status, json } = await batch(Array.from({ length: 1000 }, (_, ms) => ({ ...sleep, payload: { ms } })));
      expect([status, json.items.length]).toEqual([201, 1000]);
      expect(json.items.map(({ payload }: { payload: { ms: number } }) => payload.ms)).toEqual([...Array(1000).keys()]);
      expect(await on().size()).toMatchObject({ jobs: 1000, logs: 1000 });
    });

    test('with one wrong job is refused whole, and the answer names it', async () => {
      const wrong: [unknown, number, string, string][] = [
        [{ ...sleep, priority: 5000 }, 422, 'invalid_body', '/jobs/2/priority'],
        [{ ...sleep, task_type: 'nothing' }, 422, 'unknown_task_type', '/jobs/2/task_type'],
        [{ ...sleep, payload: { ms: 'soon' } }, 422, 'invalid_payload', '/jobs/2/payload/ms'],
        [{ ...sleep, owner_id: 'somebody' }, 422, 'invalid_body', '/jobs/2'],
      ];
      for (const [job, status, code, path] of wrong) {
        const answer = await batch([sleep, sleep, job, sleep]);
        expect([answer.status, answer.json.code]).toEqual([status, code]);
        expect(answer.json.errors[0].path).toBe(path);
      }
      for (const jobs of [[], Array.from({ length: 1001 }, () => sleep)]) expect((await batch(jobs)).status).toBe(422);
      expect(await on().size()).toMatchObject({ jobs: 0, logs: 0 });
    });

    test('with one key that another request has taken is refused whole', async () => {
      await post({ ...sleep, idempotency_key: 'taken' });
      const answer = await batch([
        sleep,
        { ...sleep, idempotency_key: 'new' },
        { task_type: 'sleep', payload: { ms: 9 }, idempotency_key: 'taken' },
      ]);
      expect([answer.status, answer.json.errors[0].path]).toEqual([422, '/jobs/2/idempotency_key']);
      expect(await on().size()).toMatchObject({ jobs: 1, logs: 1 });
    });

    test('that is repeated with its keys answers the same jobs, new ones beside old ones', async () => {
      const keyed = ['a', 'b', 'a'].map((idempotency_key) => ({ ...sleep, idempotency_key }));
      const first = (await batch(keyed)).json.items.map(({ id }: { id: string }) => id);
      expect(first[2]).toBe(first[0]);
      const again = (await batch([...keyed, sleep])).json.items.map(({ id }: { id: string }) => id);
      expect(again.slice(0, 3)).toEqual(first);
      expect(await on().size()).toMatchObject({ jobs: 3, logs: 3 });
    });

    test('of nearly 1 MiB is accepted, whatever its characters, and runs', async () => {
      // Quotes and backslashes grow most on their way into one parameter.
      for (const text of ['"', '\\', 'x', '\u0001', '🔑']) {
        const room = 1_048_576 - 4096;
        const per = Math.floor(room / 5 / new TextEncoder().encode(JSON.stringify(text).slice(1, -1)).length);
        const jobs = Array.from({ length: 5 }, () => ({
          task_type: 'transform',
          payload: { input: text.repeat(per), expression: 'length(@)' },
        }));
        const { status, json } = await batch(jobs);
        expect([status, json.code], JSON.stringify(text)).toEqual([201, undefined]);
      }
      expect((await on().tick('process-batch')).failed).toBe(0);
      expect((await on().call('GET', '/v1/jobs/report')).json.totals).toMatchObject({ done: 25, pending: 0 });
    });
  });

  describe('a bad request is a problem, and writes nothing', () => {
    const deep = (depth: number): unknown => (depth === 0 ? 1 : { a: deep(depth - 1) });
    const transform = (input: unknown) => ({ task_type: 'transform', payload: { input, expression: '@' } });
    const cases: [string, unknown, number, string][] = [
      ['no JSON', '{"task_type":', 400, 'malformed_json'],
      ['an empty body', '', 400, 'malformed_json'],
      ['an array', [], 422, 'invalid_body'],
      ['a number beyond 2^53', '{"task_type":"sleep","payload":{"ms":9007199254740993}}', 400, 'ill_formed_value'],
      ['NUL', transform('a\u0000b'), 400, 'ill_formed_value'],
      [
        'half of a surrogate pair',
        '{"task_type":"transform","payload":{"input":"\\ud800","expression":"@"}}',
        400,
        'ill_formed_value',
      ],
      ['__proto__', '{"task_type":"sleep","payload":{"__proto__":{"ms":1}}}', 400, 'ill_formed_value'],
      ['an unknown field', { ...sleep, status: 'done' }, 422, 'invalid_body'],
      ['an owner', { ...sleep, owner_id: 'me' }, 422, 'invalid_body'],
      ['an unknown task', { ...sleep, task_type: 'walk' }, 422, 'unknown_task_type'],
      ['a payload that does not fit', { task_type: 'sleep', payload: {} }, 422, 'invalid_payload'],
      ['a payload that is too deep', transform(deep(32)), 422, 'invalid_payload'],
      ['a body that is too deep', transform(deep(60)), 400, 'ill_formed_value'],
      ['a payload over 256 KiB', transform('x'.repeat(262_144)), 413, 'payload_too_large'],
      ['a body over 1 MiB', transform('x'.repeat(1_048_576)), 413, 'body_too_large'],
      ['two times', { ...sleep, delay_ms: 1, run_at: '2030-01-01T00:00:00Z' }, 422, 'invalid_body'],
      ['a time that is none', { ...sleep, run_at: '2030-02-31T00:00:00Z' }, 422, 'invalid_body'],
      ['an empty key', { ...sleep, idempotency_key: '' }, 422, 'invalid_body'],
    ];
    test.each(cases)('with %s', async (_, body, status, code) => {
      const answer = await post(body);
      expect([answer.status, answer.json.code]).toEqual([status, code]);
      expect(await on().size()).toMatchObject({ jobs: 0, logs: 0 });
    });

    test('with another media type, query, method or path', async () => {
      expect(await on().fate('POST', '/v1/jobs', sleep, { headers: { 'content-type': 'text/plain' } })).toEqual([
        415,
        'unsupported_media_type',
      ]);
      expect(await on().fate('POST', '/v1/jobs?dry=1', sleep)).toEqual([400, 'bad_parameter']);
      expect(await on().fate('GET', '/v1/jobs?limit=1&limit=2')).toEqual([400, 'bad_parameter']);
      expect(await on().fate('PUT', '/v1/jobs', sleep)).toEqual([405, 'method_not_allowed']);
      expect(await on().fate('GET', '/v1/nothing')).toEqual([404, 'not_found']);
      expect(await on().fate('GET', '/v1/jobs/%00')).toEqual([404, 'not_found']);
      expect(await on().size()).toMatchObject({ jobs: 0, logs: 0 });
    });

    test('with a body where none is taken', async () => {
      const { json } = await post(sleep);
      expect(await on().fate('POST', `/v1/jobs/${json.id}/cancel`, { now: true })).toEqual([422, 'invalid_body']);
      expect(await on().fate('POST', `/v1/jobs/${json.id}/cancel`, {})).toEqual([200, null]);
    });
  });

  test('every answer carries the headers of the rate limit, and a token is needed', async () => {
    for (const token of [null, 'nobody', `${ADMIN} `, '']) {
      const { status, json } = await on().call('GET', '/v1/jobs', undefined, { token });
      expect([status, json.code], String(token)).toEqual(
        token === `${ADMIN} ` ? [200, undefined] : [401, 'unauthorized'],
      );
    }
  });
});
