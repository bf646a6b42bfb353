import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expectContract, expectProblem, rowCounts } from '../support/contract.ts';
import { cleanUp, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';
import { overWire, requestText } from '../support/wire.ts';

// Bodies that are too long, and lengths that lie, over a socket to a real server.

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
const chunk = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

/** Sends one request and expects one answer, which is a problem. */
async function refusal(pieces: (string | Uint8Array)[], options: { end?: boolean } = {}) {
  const { answers, text } = await overWire(server.url, pieces, options);
  expect(text).toMatch(/^HTTP\/1\.1 4/);
  const [answer] = answers;
  if (!answer) throw new Error(`no answer: ${text}`);
  expectProblem(answer, text);
  return answer;
}

describe('A body over 1 MiB', () => {
  const large = Buffer.alloc(1_048_577, 0x20);

  test('with its true Content-Length is refused', async () => {
    const answer = await refusal([post([`content-length: ${large.length}`], ''), large]);
    expectContract('POST', '/v1/jobs', answer);
    expect(answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  });

  test('announced and never sent is refused at once', async () => {
    const answer = await refusal([post(['content-length: 99999999999'], '')]);
    expect(answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  });

  test('in chunks, without Content-Length, is refused', async () => {
    const pieces = Array.from({ length: 20 }, () => chunk(Buffer.alloc(65_536, 0x20)));
    const answer = await refusal([post(['transfer-encoding: chunked'], ''), ...pieces, '0\r\n\r\n']);
    expect(answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  });

  test('in chunks that never end is refused before they end', async () => {
    const pieces = Array.from({ length: 40 }, () => chunk(Buffer.alloc(65_536, 0x20)));
    const answer = await refusal([post(['transfer-encoding: chunked'], ''), ...pieces]);
    expect(answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  });

  test.each([1.1, 2, 8, 12])(
    'of %d MiB lets an ordinary client see the 413, whichever way it is sent',
    async (mebibytes) => {
      const bytes = new Uint8Array(mebibytes * 1_048_576).fill(0x20);
      const stream = () => new Blob([bytes]).stream();
      const headers = { 'x-user-auth': ADMIN, 'content-type': 'application/json' };
      for (let i = 0; i < 5; i++) {
        for (const content of [bytes, stream()]) {
          const init = { method: 'POST', headers, body: content, duplex: 'half' };
          const response = await fetch(`${server.url}/v1/jobs`, init as RequestInit);
          expect([response.status, (await response.json()).code]).toEqual([413, 'body_too_large']);
        }
      }
    },
  );
});

describe('A Content-Length that lies', () => {
  test('and is too short cuts the body: what follows is no request', async () => {
    expect((await refusal([post(['content-length: 10'])])).status).toBe(400);
  });

  test('and is too long, from a client that then says no more, is a problem of the request', async () => {
    expect((await refusal([post(['content-length: 1000'])], { end: true })).status).toBe(400);
  });

  test('and is too long, from a client that goes away, is no error of ours', async () => {
    const before = server.output.length;
    await overWire(server.url, [post(['content-length: 1000'])], { quietMs: 100 });
    for (let i = 0; i < 50 && !server.output.slice(before).includes('"path":"/v1/jobs"'); i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.output.slice(before)).toContain('"status":400');
  });

  test.each([
    ['is no number', ['content-length: abc']],
    ['is below zero', ['content-length: -1']],
    ['is given twice, differently', [`content-length: ${body.length}`, 'content-length: 10']],
    ['stands beside chunks', [`content-length: ${body.length}`, 'transfer-encoding: chunked']],
  ])('and %s is refused', async (_, lines) => {
    const answer = await refusal([post(lines)]);
    expect(answer).toMatchObject({ status: 400, json: { code: 'malformed_request' } });
  });
});
