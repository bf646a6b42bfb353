import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { tasks } from '../../core/tasks/index.ts';
import { type Call, routed, rowCounts } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
let call: Call;
beforeAll(() => {
  system = new System();
  call = routed(system);
});
afterAll(() => system.close());

// Whatever was sent: nothing was written, and the next request is served.
afterEach(async () => {
  expect(rowCounts(system.db)).toEqual({ jobs: 0, logs: 0 });
  expect((await call('GET', '/v1/jobs/report')).json.totals.pending).toBe(0);
});

const request = (more: object = {}): string =>
  JSON.stringify({ task_type: 'transform', payload: { input: 1, expression: '@' }, ...more });
/** A request for a transform whose input is this JSON text. */
const withInput = (text: string): string => `{"task_type":"transform","payload":{"expression":"@","input":${text}}}`;
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const refused: [what: string, body: string | Uint8Array, status: number, code: string][] = [
  ['an empty body', '', 400, 'malformed_json'],
  ['blanks', ' \n', 400, 'malformed_json'],
  ['half an object', '{"task_type":"sle', 400, 'malformed_json'],
  ['a trailing comma', '{"task_type":"sleep",}', 400, 'malformed_json'],
  ['two values', '{} {}', 400, 'malformed_json'],
  ['single quotes', "{'task_type':'sleep'}", 400, 'malformed_json'],
  ['NaN', withInput('NaN'), 400, 'malformed_json'],
  ['a comment', '{/* hello */}', 400, 'malformed_json'],
  ['a raw control character', withInput('"\u0001"'), 400, 'malformed_json'],
  ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), 400, 'malformed_json'],
  ['an overlong encoding', new Uint8Array([0x22, 0xc0, 0x80, 0x22]), 400, 'malformed_json'],
  ['UTF-16', new Uint8Array(Buffer.from('\ufeff{}', 'utf16le')), 400, 'malformed_json'],
  ['200,000 open brackets', '['.repeat(200_000), 400, 'malformed_json'],
  ['an array 200,000 deep', nested(200_000), 400, 'ill_formed_value'],
  ['an object 100,000 deep', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 400, 'ill_formed_value'],
  ['a payload 200,000 deep', withInput(nested(200_000)), 400, 'ill_formed_value'],
  ['__proto__ at the top', '{"__proto__":{},"task_type":"sleep","payload":{"ms":1}}', 400, 'ill_formed_value'],
  ['__proto__ in a payload', '{"task_type":"sleep","payload":{"ms":1,"__proto__":{"ms":2}}}', 400, 'ill_formed_value'],
  ['__proto__ deep in an input', withInput('[{"a":{"__proto__":1}}]'), 400, 'ill_formed_value'],
  ['__proto__ spelt with escapes', withInput('{"\\u005f_proto__":1}'), 400, 'ill_formed_value'],
  ['NUL in a value', withInput('"a\\u0000b"'), 400, 'ill_formed_value'],
  ['NUL in a key', withInput('{"a\\u0000":1}'), 400, 'ill_formed_value'],
  ['NUL in the task type', request({ task_type: 'sleep\u0000' }), 400, 'ill_formed_value'],
  ['NUL in a key of idempotency', request({ idempotency_key: 'a\u0000' }), 400, 'ill_formed_value'],
  ['half a surrogate pair in a value', withInput('"\\ud800"'), 400, 'ill_formed_value'],
  ['the other half', withInput('"x\\udc00x"'), 400, 'ill_formed_value'],
  ['a pair the wrong way round', withInput('"\\udc00\\ud800"'), 400, 'ill_formed_value'],
  ['half a surrogate pair in a key', withInput('{"\\ud83d":1}'), 400, 'ill_formed_value'],
  ['half a pair in an idempotency key', request({ idempotency_key: '\ud800' }), 400, 'ill_formed_value'],
  ['2^53', withInput('9007199254740992'), 400, 'ill_formed_value'],
  ['2^53 + 1', withInput('9007199254740993'), 400, 'ill_formed_value'],
  ['-2^53', withInput('-9007199254740992'), 400, 'ill_formed_value'],
  ['1e400', withInput('1e400'), 400, 'ill_formed_value'],
  ['1e22 for a wait', '{"task_type":"sleep","payload":{"ms":1},"delay_ms":1e22}', 400, 'ill_formed_value'],
  ['null', 'null', 422, 'invalid_body'],
  ['an array', '[]', 422, 'invalid_body'],
  ['a string', '"sleep"', 422, 'invalid_body'],
  ['a number', '1', 422, 'invalid_body'],
  ['an empty object', '{}', 422, 'invalid_body'],
  ['no payload', '{"task_type":"sleep"}', 422, 'invalid_body'],
  ['a payload that is null', request({ payload: null }), 422, 'invalid_body'],
  ['a payload that is an array', request({ payload: [] }), 422, 'invalid_body'],
  ['a payload that is a string', request({ payload: '{}' }), 422, 'invalid_body'],
  ['a task type that is a number', request({ task_type: 1 }), 422, 'invalid_body'],
  ['an empty task type', request({ task_type: '' }), 422, 'invalid_body'],
  ['a task type of 65 characters', request({ task_type: 'a'.repeat(65) }), 422, 'invalid_body'],
  ['an unknown field', request({ colour: 'red' }), 422, 'invalid_body'],
  ['owner_id', request({ owner_id: 'bootstrap' }), 422, 'invalid_body'],
  ['status', request({ status: 'done' }), 422, 'invalid_body'],
  ['id', request({ id: '01a20b70-1783-75a0-87b7-6cc65af4ac51' }), 422, 'invalid_body'],
  ['a lease', request({ lease_epoch: 7 }), 422, 'invalid_body'],
  ['a field named constructor', request({ constructor: {} }), 422, 'invalid_body'],
  ['max_retries below 0', request({ max_retries: -1 }), 422, 'invalid_body'],
  ['max_retries of 101', request({ max_retries: 101 }), 422, 'invalid_body'],
  ['half a retry', request({ max_retries: 0.5 }), 422, 'invalid_body'],
  ['max_retries as text', request({ max_retries: '3' }), 422, 'invalid_body'],
  ['max_retries null', request({ max_retries: null }), 422, 'invalid_body'],
  ['a priority of 1001', request({ priority: 1001 }), 422, 'invalid_body'],
  ['a timeout of 0', request({ timeout_ms: 0 }), 422, 'invalid_body'],
  ['a timeout above a day', request({ timeout_ms: 86_400_001 }), 422, 'invalid_body'],
  ['an empty idempotency key', request({ idempotency_key: '' }), 422, 'invalid_body'],
  ['an idempotency key of 256', request({ idempotency_key: 'k'.repeat(256) }), 422, 'invalid_body'],
  ['a wait below 0', request({ delay_ms: -1 }), 422, 'invalid_body'],
  ['a wait beyond ten years', request({ delay_ms: 3653 * 86_400_000 }), 422, 'invalid_body'],
  ['run_at together with delay_ms', request({ run_at: '2027-01-15T08:00:00Z', delay_ms: 0 }), 422, 'invalid_body'],
  ['run_at beyond ten years', request({ run_at: '2037-06-01T00:00:00Z' }), 422, 'invalid_body'],
  ['run_at in the year 9999', request({ run_at: '9999-12-31T23:59:59.999Z' }), 422, 'invalid_body'],
  ['a payload one level too deep', withInput(nested(32)), 422, 'invalid_payload'],
  ['an unknown task type', request({ task_type: 'teleport' }), 422, 'unknown_task_type'],
  ['a task type named toString', request({ task_type: 'toString' }), 422, 'unknown_task_type'],
  ['a task type in the wrong case', request({ task_type: 'Transform' }), 422, 'unknown_task_type'],
  ['a payload of another task', request({ payload: { ms: 1 } }), 422, 'invalid_payload'],
  [
    'a payload with an unknown field',
    request({ task_type: 'sleep', payload: { ms: 1, s: 1 } }),
    422,
    'invalid_payload',
  ],
  ['a payload over 256 KiB', withInput(`"${'x'.repeat(262_144)}"`), 413, 'payload_too_large'],
  ['a payload over 256 KiB by its bytes only', withInput(`"${'ü'.repeat(131_072)}"`), 413, 'payload_too_large'],
  ['a body over 1 MiB', withInput(`"${'x'.repeat(1_048_576)}"`), 413, 'body_too_large'],
  ['1 MiB and a byte of blanks', ' '.repeat(1_048_577), 413, 'body_too_large'],
];

test.each(refused)('%s is refused', async (_, body, status, code) => {
  expect(await call('POST', '/v1/jobs', body)).toMatchObject({ status, json: { code } });
});

test.each(refused.filter(([, body, status]) => typeof body === 'string' && status !== 413))(
  '%s is refused in a batch, and takes the good jobs beside it down with it',
  async (_, body) => {
    const answer = await call('POST', '/v1/jobs/batch', `{"jobs":[${request()},${body},${request()}]}`);
    expect([400, 422]).toContain(answer.status);
    if (answer.status === 422) expect(answer.json.errors[0].path).toMatch(/^\/jobs\/1(\/|$)/);
  },
);

test.each([
  ['2026-02-30T00:00:00Z'],
  ['2027-02-29T00:00:00Z'],
  ['2026-13-01T00:00:00Z'],
  ['2026-01-01T24:00:00Z'],
  ['2026-01-01T23:60:00Z'],
  ['2026-12-31T23:59:60Z'],
  ['2026-01-01T00:00:00+24:00'],
  ['2026-01-01T00:00:00+99:99'],
  ['2026-01-01T00:00:00'],
  ['2026-01-01 00:00:00Z'],
  ['2026-01-01'],
  ['20260101T000000Z'],
  ['+012026-01-01T00:00:00Z'],
  ['-000001-01-01T00:00:00Z'],
  ['Thu, 01 Jan 2026 00:00:00 GMT'],
  ['tomorrow'],
  [''],
  [' 2026-01-01T00:00:00Z'],
  ['2026-01-01T00:00:00Z\n'],
  ['２０２６-01-01T00:00:00Z'],
  [1_767_225_600_000],
  [null],
])('run_at %j is no time', async (run_at) => {
  expect(await call('POST', '/v1/jobs', request({ run_at }))).toMatchObject({
    ...{ status: 422, json: { code: 'invalid_body', errors: [{ path: '/run_at' }] } },
  });
});

test('an unknown task type is answered with the list of those there are', async () => {
  const { json } = await call('POST', '/v1/jobs', request({ task_type: 'teleport' }));
  for (const { type } of tasks) expect(json.detail).toContain(type);
  expect(json.errors[0].path).toBe('/task_type');
});

test('a problem stays small, however large the thing it complains about', async () => {
  const long = 'k'.repeat(900_000);
  const keys = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key${i}`, 1]));
  for (const body of [
    request({ [long]: 1 }),
    request(keys),
    withInput(`{"${long}":{"a":"\\ud800"}}`),
    `{"${long}":{"__proto__":1}}`,
    request({ task_type: 'sleep', payload: { ['p'.repeat(200_000)]: 1 } }),
    request({ task_type: 'webhook', payload: { url: 'http://x', headers: { [`${'h'.repeat(200_000)}\n`]: 'x' } } }),
    `{"jobs":[${Array.from({ length: 20_000 }, () => '{"a":1}').join()}]}`,
  ]) {
    // Every answer is held against a limit by the contract.
    const { status } = await call('POST', '/v1/jobs', body);
    expect([400, 422]).toContain(status);
  }
  expect((await call('GET', `/v1/jobs?${'q'.repeat(10_000)}=1`)).status).toBe(400);
});

test.each([
  ['text/plain'],
  ['application/x-www-form-urlencoded'],
  ['application/jsonp'],
  ['application/problem+json'],
  ['multipart/form-data; boundary=application/json'],
  ['json'],
])('the content-type %s is not taken', async (type) => {
  expect(await call('POST', '/v1/jobs', request(), { headers: { 'content-type': type } })).toMatchObject({
    ...{ status: 415, json: { code: 'unsupported_media_type' } },
  });
});

test('a body without a content-type is not taken', async () => {
  const { status } = await call('POST', '/v1/jobs', new TextEncoder().encode(request()), {
    headers: { 'content-type': '' },
  });
  expect(status).toBe(415);
});

test.each(['/v1/jobs', '/v1/jobs/batch', '/v1/dlq/redrive', '/v1/users', '/v1/jobs/none/redrive'])(
  'POST %s takes no body that is not an object of its own kind',
  async (path) => {
    for (const body of ['', '{', '[]', 'null', '1', '"x"', '{"nonsense":1}', `{"__proto__":{}}`, nested(100_000)]) {
      const { status } = await call('POST', path, body);
      expect({ body: body.slice(0, 20), refused: [400, 422].includes(status) }).toEqual({
        ...{ body: body.slice(0, 20), refused: true },
      });
    }
  },
);

test.each(['/v1/jobs/none/cancel', '/v1/users/none/disable'])('POST %s takes no body at all', async (path) => {
  for (const body of ['{"reason":"x"}', 'x', '[]', 'null', '{'])
    expect(await call('POST', path, body)).toMatchObject({ status: 422, json: { code: 'invalid_body' } });
  for (const body of [undefined, '', '{}', ' {} ']) expect((await call('POST', path, body)).status).toBe(404);
  expect((await call('POST', path, 'x'.repeat(1_048_577))).status).toBe(413);
});
