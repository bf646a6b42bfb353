import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectContract, expectProblem, rowCounts } from '../support/contract.ts';
import { cleanUp, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';
import { overWire, requestText } from '../support/wire.ts';

// What only bytes on a socket can show: the real router, the real HTTP server, a real file.

let server: Server;
let db: Sqlite.Database;
beforeAll(async () => {
  server = await Server.start({ script: 'start:api' });
  db = new Sqlite(server.file, { readonly: true });
});
afterAll(async () => {
  db.close();
  await server.stop();
  await cleanUp();
});

// Whatever was sent: nothing was written, nothing failed inside, and the server serves.
afterEach(async () => {
  expect(rowCounts(db)).toEqual({ jobs: 0, logs: 0 });
  expect((await server.call('GET', '/healthz')).status).toBe(200);
  expect(server.output).not.toMatch(/"level":"error"|"status":5/);
});

const token = `x-user-auth: ${ADMIN}`;
const json = 'content-type: application/json';
const body = JSON.stringify({ task_type: 'sleep', payload: { ms: 0 } });
const post = (lines: string[], content = body): string =>
  requestText('POST', '/v1/jobs', [token, json, ...lines], content);

/** Sends one request and expects one answer, which is a problem. */
async function refusal(pieces: (string | Uint8Array)[], options: { end?: boolean } = {}) {
  const { answers, text } = await overWire(server.url, pieces, options);
  expect(text).toMatch(/^HTTP\/1\.1 4/);
  const [answer] = answers;
  if (!answer) throw new Error(`no answer: ${text}`);
  expectProblem(answer, text);
  return answer;
}

describe('A header', () => {
  test('x-user-auth given twice is no token, even if both are right', async () => {
    for (const lines of [
      [token, token],
      [token, 'x-user-auth: other'],
      ['X-User-Auth: ', token],
    ]) {
      const answer = await refusal([requestText('GET', '/v1/jobs', lines)]);
      expect(answer).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
    }
  });

  test('x-tick-secret given twice is no secret', async () => {
    const secret = 'x-tick-secret: tick-secret';
    const answer = await refusal([requestText('POST', '/v1/ticks/coordinate', [secret, secret, 'content-length: 0'])]);
    expect(answer.status).toBe(401);
  });

  test('content-type given twice is none that is taken', async () => {
    const lines = [token, json, 'content-type: text/plain', `content-length: ${body.length}`];
    const answer = await refusal([requestText('POST', '/v1/jobs', lines, body)]);
    expect(answer.status).toBe(415);
  });

  test('content-type left out is a 415', async () => {
    const answer = await refusal([requestText('POST', '/v1/jobs', [token, `content-length: ${body.length}`], body)]);
    expect(answer).toMatchObject({ status: 415, json: { code: 'unsupported_media_type' } });
  });

  test.each([
    ['bytes beyond ASCII', Buffer.from([0xff, 0xfe])],
    ['10,000 characters', Buffer.alloc(10_000, 0x61)],
    ['nothing', Buffer.alloc(0)],
  ])('x-user-auth that holds %s is a 401', async (_, value) => {
    const [start, end] = requestText('GET', '/v1/jobs', ['x-user-auth: *']).split('*') as [string, string];
    const answer = await refusal([Buffer.concat([Buffer.from(start), value, Buffer.from(end)])]);
    expect(answer.status).toBe(401);
  });

  test('of more than 16 KiB is a 431', async () => {
    const answer = await refusal([requestText('GET', '/v1/jobs', [`x-user-auth: ${'a'.repeat(20_000)}`])]);
    expect(answer).toMatchObject({ status: 431, json: { code: 'headers_too_large' } });
  });

  test('with a NUL in it is no HTTP', async () => {
    expect((await refusal([requestText('GET', '/v1/jobs', ['x-user-auth: a\u0000b'])])).status).toBe(400);
  });
});

describe('A request that is not HTTP', () => {
  test.each([
    ['has no request line', 'hello\r\n\r\n'],
    ['has a method in small letters', requestText('get', '/v1/jobs', [token])],
    ['has no Host', `GET /v1/jobs HTTP/1.1\r\n${token}\r\n\r\n`],
    ['has a Host with a blank', `GET /v1/jobs HTTP/1.1\r\nHost: a b\r\n${token}\r\n\r\n`],
    ['has a Host that climbs', `GET /v1/jobs HTTP/1.1\r\nHost: a/../b\r\n${token}\r\n\r\n`],
    ['has a backslash in its path', requestText('GET', '/v1\\jobs', [token])],
    ['asks for *', requestText('OPTIONS', '*', [token])],
    ['has raw UTF-8 in its path', requestText('GET', '/v1/jobs/é', [token])],
    ['has chunks of no size', post(['transfer-encoding: chunked'], `zz\r\n${body}\r\n0\r\n\r\n`)],
    ['is TLS', Buffer.from('160301020001000001fc0303', 'hex')],
  ])('and %s is answered with a problem', async (_, text) => {
    const answer = await refusal([text]);
    expect(answer).toMatchObject({ status: 400, json: { code: 'malformed_request' } });
  });
});

describe('A path', () => {
  test.each(['%zz', '%', '%f', '%ff', '%00', '%2e%2e', 'a%2Fb', '%E2%82', '..;', '%25', '*', '%5C', '%0d%0aX:1'])(
    'with the id %s is that of no job',
    async (id) => {
      for (const [method, tail] of [
        ['GET', ''],
        ['POST', '/cancel'],
      ] as const) {
        const answer = await refusal([requestText(method, `/v1/jobs/${id}${tail}`, [token, 'content-length: 0'])]);
        expectContract(method, `/v1/jobs/${id}${tail}`, answer);
        expect(answer).toMatchObject({ status: 404, json: { code: 'not_found' } });
      }
    },
  );

  test('with an id of 5,000 characters is a 400, of 20,000 a 431', async () => {
    for (const [length, status] of [
      [5000, 400],
      [20_000, 431],
    ] as const) {
      const answer = await refusal([requestText('GET', `/v1/jobs/${'a'.repeat(length)}`, [token])]);
      expect(answer.status).toBe(status);
    }
  });

  test.each(['TRACE', 'PROPFIND', 'PURGE', 'LINK', 'M-SEARCH'])('asked by %s is a 405 with Allow', async (method) => {
    const answer = await refusal([requestText(method, '/v1/jobs', [token])]);
    expect(answer).toMatchObject({ status: 405, json: { code: 'method_not_allowed' } });
    expect(answer.headers.get('allow')).toBe('POST, GET, HEAD');
  });
});

test('requests in one go on one connection are answered one by one, a body on a GET is left aside', async () => {
  const text =
    requestText('GET', '/v1/jobs', [token, 'content-length: 5'], 'hello') +
    requestText('GET', '/v1/nowhere', [token]) +
    requestText('GET', '/healthz');
  const { answers } = await overWire(server.url, [text], { answers: 3 });
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 200]);
});

test('an expectation nobody knows is not minded, and 100-continue is honoured', async () => {
  for (const expectation of ['200-ok', '100-continue']) {
    const lines = [token, json, `expect: ${expectation}`, 'content-length: 2', 'connection: close'];
    const { text } = await overWire(server.url, [requestText('POST', '/v1/jobs', lines, '{}')]);
    expect(text.startsWith('HTTP/1.1 100 Continue')).toBe(expectation === '100-continue');
    expect(text).toContain('"code":"invalid_body"');
  }
});
