import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Call, routed, rowCounts } from '../support/contract.ts';
import { System } from '../support/system.ts';

// What is just allowed: each of these has a neighbour in bad-body.test.ts that is just refused.

let system: System;
let call: Call;
beforeEach(() => {
  system = new System();
  call = routed(system);
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

/** Schedules this body, and gives the payload as it is read back. */
async function roundTrip(body: string | Uint8Array) {
  const made = await call('POST', '/v1/jobs', body);
  expect(made).toMatchObject({ status: 201 });
  const read = await call('GET', `/v1/jobs/${made.json.id}`);
  expect(read.json).toEqual(made.json);
  return read.json.payload;
}

const withInput = (text: string): string => `{"task_type":"transform","payload":{"expression":"@","input":${text}}}`;

test.each([
  ['a payload exactly 32 deep', `${'['.repeat(31)}1${']'.repeat(31)}`],
  ['2^53 - 1', '9007199254740991'],
  ['-(2^53 - 1)', '-9007199254740991'],
  ['a small fraction', '1e-300'],
  ['a whole surrogate pair', '"\\ud83d\\ude00"'],
  ['the pair as bytes', '"😀"'],
  ['a key outside the first plane', '{"😀":1}'],
  ['U+FFFF, U+FEFF and U+2028', '"\\uffff\\ufeff\\u2028"'],
  ['control characters but NUL', '"\\u0001\\u001f\\u007f"'],
  ['keys that objects have anyway', '{"constructor":1,"toString":2,"hasOwnProperty":3,"prototype":4}'],
  ['an empty key', '{"":1}'],
  ['SQL', `"'; DROP TABLE jobs; --"`],
  ['LIKE signs and paths of SQLite', '{"$.a":"%_","a.b[0]":"\\\\"}'],
])('%s comes back as it was sent', async (_, text) => {
  expect((await roundTrip(withInput(text))).input).toEqual(JSON.parse(text));
});

test('a payload of exactly 256 KiB is taken', async () => {
  const frame = JSON.stringify({ expression: '@', input: '' }).length;
  const input = 'x'.repeat(262_144 - frame);
  expect((await roundTrip(withInput(JSON.stringify(input)))).input).toBe(input);
});

test('a body of exactly 1 MiB is taken', async () => {
  const body = withInput('1');
  await roundTrip(body + ' '.repeat(1_048_576 - body.length));
});

test.each([
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON',
  'application/json;charset=UTF-8',
])('the content-type %s is taken', async (type) => {
  expect((await call('POST', '/v1/jobs', withInput('1'), { headers: { 'content-type': type } })).status).toBe(201);
});

test.each([
  ['2027-01-15T08:00:00Z', '2027-01-15T08:00:00.000Z'],
  ['2027-01-15T08:00:00.123456789Z', '2027-01-15T08:00:00.123Z'],
  ['2027-01-15T10:00:00+02:00', '2027-01-15T08:00:00.000Z'],
  ['2028-02-29T23:59:59-00:30', '2028-03-01T00:29:59.000Z'],
  ['1969-12-31T23:59:59Z', '1970-01-01T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
])('run_at %s is %s', async (run_at, stored) => {
  const body = { task_type: 'sleep', payload: { ms: 0 }, run_at };
  expect((await call('POST', '/v1/jobs', body)).json.run_at).toBe(stored);
});

test('ten years ahead, to the millisecond, is taken; one more is not', async () => {
  const limit = 3652 * 86_400_000;
  const at = (ms: number) => new Date(system.clock.time + ms).toISOString();
  const ask = async (more: object) =>
    (await call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 }, ...more })).status;
  expect(await ask({ run_at: at(limit) })).toBe(201);
  expect(await ask({ delay_ms: limit })).toBe(201);
  expect(await ask({ run_at: at(limit + 1) })).toBe(422);
  expect(await ask({ delay_ms: limit + 1 })).toBe(422);
});

test('a length counts characters, as JSON Schema does, and not the halves of those beyond the first plane', async () => {
  const users = (name: string) => call('POST', '/v1/users', { name, role: 'user' });
  expect(await users('😀'.repeat(100))).toMatchObject({ status: 201, json: { name: '😀'.repeat(100) } });
  expect(await users('😀'.repeat(101))).toMatchObject({
    ...{ status: 422, json: { errors: [{ path: '/name', message: expect.stringContaining('<=100 characters') }] } },
  });
  const listed = async (length: number) =>
    (await call('GET', `/v1/jobs?task_type=${encodeURIComponent('😀'.repeat(length))}`)).status;
  expect([await listed(64), await listed(65)]).toEqual([200, 400]);
  const mail = (subject: string) =>
    call('POST', '/v1/jobs', { task_type: 'sendEmail', payload: { to: 'a@example.com', subject, text: 't' } });
  expect([(await mail('😀'.repeat(998))).status, (await mail('😀'.repeat(999))).status]).toEqual([201, 422]);
});

test('a name is trimmed, and its blanks count', async () => {
  const users = (name: string) => call('POST', '/v1/users', { name, role: 'user' });
  expect(await users(` ${'a'.repeat(98)}\t`)).toMatchObject({ status: 201, json: { name: 'a'.repeat(98) } });
  expect((await users(` ${'a'.repeat(99)}\t`)).status).toBe(422);
});

test('an id is the same however a client writes it in the URL, and what is no text is an id that nobody has', async () => {
  const job = await call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } });
  const { id } = job.json as { id: string };
  const written = [...id].map((sign) => `%${sign.charCodeAt(0).toString(16)}`).join('');
  expect(await call('GET', `/v1/jobs/${written}`)).toMatchObject({ status: 200, json: { id } });
  expect((await call('POST', `/v1/jobs/${written}/cancel`)).json).toMatchObject({ id, status: 'cancelled' });
  const inside = ['%00', '%', '%zz', '%ed%a0%80', '%ff', '%2f', `${id}%00`, `${id}%2fcancel`, `%20${id}`, '%25'];
  for (const other of [...inside, encodeURIComponent('€'.repeat(64))])
    expect(await call('GET', `/v1/jobs/${other}`)).toMatchObject({ status: 404, json: { code: 'not_found' } });
  expect((await call('GET', `/v1/jobs/${encodeURIComponent('€'.repeat(65))}`)).status).toBe(400);
});

test('1,000 jobs in a batch are taken, 1,001 and 0 are not', async () => {
  const jobs = Array.from({ length: 1000 }, () => ({ task_type: 'sleep', payload: { ms: 0 } }));
  expect((await call('POST', '/v1/jobs/batch', { jobs: [...jobs, jobs[0]] })).status).toBe(422);
  expect((await call('POST', '/v1/jobs/batch', { jobs: [] })).status).toBe(422);
  expect(rowCounts(system.db)).toEqual({ jobs: 0, logs: 0 });
  const answer = await call('POST', '/v1/jobs/batch', { jobs });
  expect(answer.status).toBe(201);
  expect(new Set(answer.json.items.map(({ id }: { id: string }) => id)).size).toBe(1000);
  expect(rowCounts(system.db)).toEqual({ jobs: 1000, logs: 1000 });
});

test('a batch within 1 MiB never fails, though its quotes and backslashes double when they are stored', async () => {
  for (const sign of ['\\"', '\\\\', '\\n', 'ü', '€']) {
    const bytes = new TextEncoder().encode(sign).length;
    const payload = `{"expression":"@","input":"${sign.repeat(Math.floor(261_000 / bytes))}"}`;
    const jobs = Array.from({ length: 4 }, () => `{"task_type":"transform","payload":${payload}}`);
    const before = system.db.prepare('SELECT count(*) FROM jobs').pluck().get() as number;
    const { status } = await call('POST', '/v1/jobs/batch', `{"jobs":[${jobs}]}`);
    expect({ sign, status }).toEqual({ sign, status: 201 });
    expect(system.db.prepare('SELECT count(*) FROM jobs').pluck().get()).toBe(before + 4);
  }
});

test('a body that arrives in pieces, in the middle of a character too, is read as one', async () => {
  const bytes = new TextEncoder().encode(withInput('"€😀ü"'));
  const body = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const { status, json } = await call('POST', '/v1/jobs', body);
  expect({ status, input: json.payload?.input }).toEqual({ status: 201, input: '€😀ü' });
});

test('a stream without end is refused after 1 MiB, and soon nobody reads it any more', async () => {
  let sent = 0;
  let answer: unknown;
  await new Promise<void>((resolve) => {
    const body = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
      cancel: () => resolve(),
    });
    answer = call('POST', '/v1/jobs', body);
  });
  expect(await answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  expect(sent).toBeLessThan(20_000_000);
});

test('a length above 1 MiB is refused without a look at the body', async () => {
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const { status } = await call('POST', '/v1/jobs', body, { headers: { 'content-length': '1048577' } });
  expect({ status, pulled }).toEqual({ status: 413, pulled: 0 });
});

test('a length that lies lets no longer body in', async () => {
  const body = new Blob([withInput(JSON.stringify('x'.repeat(1_048_576)))]).stream();
  expect(await call('POST', '/v1/jobs', body, { headers: { 'content-length': '100' } })).toMatchObject({
    ...{ status: 413, json: { code: 'body_too_large' } },
  });
  expect(rowCounts(system.db)).toEqual({ jobs: 0, logs: 0 });
});

test('a stream that breaks off is a problem of the request, and nothing is written', async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"task_type":"sle'));
      controller.error(new Error('gone'));
    },
  });
  expect(await call('POST', '/v1/jobs', body)).toMatchObject({ status: 400, json: { code: 'malformed_json' } });
  expect(rowCounts(system.db)).toEqual({ jobs: 0, logs: 0 });
});
