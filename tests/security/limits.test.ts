import { readFileSync } from 'node:fs';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Settings } from '../../core/settings.ts';
import { connectionLimits, listen, urlOf } from '../../emulator/listen.ts';
import { expectContract, expectProblem, rowCounts } from '../support/contract.ts';
import { cleanUp, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';
import { overWire, requestText } from '../support/wire.ts';

// Everything a client can send has a limit: bodies, lengths that lie, depth, time and connections, over sockets to a real server.

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
    ['is given twice, alike', [`content-length: ${body.length}`, `content-length: ${body.length}`]],
    ['has a plus sign', [`content-length: +${body.length}`]],
    ['is a list', [`content-length: ${body.length}, ${body.length}`]],
    ['stands beside chunks in another order', ['transfer-encoding: chunked', `content-length: ${body.length}`]],
    ['stands beside an encoding nobody knows', [`content-length: ${body.length}`, 'transfer-encoding: xchunked']],
    ['is replaced by an encoding nobody knows', ['transfer-encoding: chunked, identity']],
    ['is replaced by an encoding twice', ['transfer-encoding: chunked', 'transfer-encoding: chunked, gzip']],
    ['is given twice, differently', [`content-length: ${body.length}`, 'content-length: 10']],
    ['stands beside chunks', [`content-length: ${body.length}`, 'transfer-encoding: chunked']],
  ])('and %s is refused', async (_, lines) => {
    const answer = await refusal([post(lines)]);
    expect(answer).toMatchObject({ status: 400, json: { code: 'malformed_request' } });
  });
});

describe('What nests deep', () => {
  const deep = 200_000;
  // What is taken must not be written, either: a job of no task beside it takes it down.
  const nothing = '{"task_type":"none","payload":{}}';
  test.each([
    ['arrays', `${'['.repeat(deep)}${']'.repeat(deep)}`, 400],
    ['arrays that do not end', '['.repeat(1_000_000), 400],
    ['objects', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`, 400],
    ['arrays in an expression', expression('['.repeat(4096)), 422],
    ['brackets in an expression', expression(`${'('.repeat(2000)}@${')'.repeat(2000)}`), 422],
    ['negations in an expression', expression(`${'!'.repeat(4000)}@`), 422],
    ['arrays in a literal of an expression', expression(`\`${'['.repeat(2000)}${']'.repeat(2000)}\``), 422],
  ])('%s: the answer comes, and is a refusal', async (_, content, status) => {
    const { status: given, json: problem } = await server.call(
      'POST',
      '/v1/jobs/batch',
      `{"jobs":[${content},${nothing}]}`,
    );
    expect({ given, code: typeof problem.code }).toEqual({ given: status, code: 'string' });
  });

  function expression(text: string): string {
    return JSON.stringify({ task_type: 'transform', payload: { input: 1, expression: text } });
  }
});

test('text of 250,000 characters in a mail is held against its limit, and nothing overflows', async () => {
  const mail = { to: 'a@example.com', subject: 's', text: 'x'.repeat(250_000) };
  const short = { ...mail, text: '' };
  for (const payload of [mail, { ...short, to: 'a'.repeat(250_000) }, { ...short, to: `a@${'b.'.repeat(99_000)}` }])
    expect(await server.call('POST', '/v1/jobs', { task_type: 'sendEmail', payload })).toMatchObject({
      ...{ status: 422, json: { code: 'invalid_payload' } },
    });
});

describe('The line and the headers', () => {
  test.each([
    ['a path of 20,000 characters', `/v1/${'a'.repeat(20_000)}`, [], 431],
    ['a query of 20,000 characters', `/v1/jobs?cursor=${'a'.repeat(20_000)}`, [], 431],
    ['3,000 parameters', `/v1/jobs?${'a&'.repeat(3000)}`, [], 400],
    ['a cursor of 201 characters', `/v1/jobs?cursor=${'a'.repeat(201)}`, [], 400],
    ['10,000 headers', '/v1/jobs', Array.from({ length: 10_000 }, () => 'a: b'), 431],
    ['a header of 20,000 characters', '/v1/jobs', [`a: ${'b'.repeat(20_000)}`], 431],
    ['a folded header', '/v1/jobs', ['a: b', ' c'], 400],
  ])('%s are refused', async (_, path, lines, status) => {
    expect((await refusal([requestText('GET', path, [token, ...lines])])).status).toBe(status);
  });

  test('an idempotency key of 256 characters in the header is refused', async () => {
    const answer = await refusal([post([`idempotency-key: ${'k'.repeat(256)}`, `content-length: ${body.length}`])]);
    expect(answer).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
  });

  test('a body that is packed is not unpacked: a bomb is bytes that are no JSON', async () => {
    const bomb = gzipSync(Buffer.alloc(100_000_000, 0x20));
    const lines = ['content-encoding: gzip', `content-length: ${bomb.length}`];
    expect(await refusal([post(lines, ''), bomb])).toMatchObject({ status: 400, json: { code: 'malformed_json' } });
  });

  test('HTTP/1.0 is answered, and the connection ends with the answer', async () => {
    const ask = async (lines: string) =>
      (await overWire(server.url, [`GET /v1/jobs HTTP/1.0\r\n${lines}${token}\r\n\r\n`], { answers: 9 })).text;
    // Without a host there is no URL, whatever the version.
    expect(await ask('')).toMatch(/^HTTP\/1\.1 400 /);
    const text = await ask('Host: test\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toMatch(/connection: close/i);
  });

  test('500 requests in one go on one connection are answered, each once', async () => {
    const text = requestText('GET', '/v1/jobs?limit=0', [token]).repeat(500);
    const { answers } = await overWire(server.url, [text], { answers: 500, quietMs: 20_000 });
    expect(answers).toHaveLength(500);
    for (const { status } of answers) expect(status).toBe(400);
  });
});

describe('Time and connections', () => {
  const short = { headersTimeout: 400, requestTimeout: 800, keepAliveTimeout: 300, connectionsCheckingInterval: 50 };
  const where = { PORT: 0, HOST: '127.0.0.1' } as Settings;
  const readAll = async (request: Request) => new Response((await request.text().catch(() => 'cut')) && 'read');

  /** Opens a connection, writes now and then what `drip` says, and waits until the server ends it; what it said. */
  function outlast(url: string, first: string, drip = ''): Promise<string> {
    return new Promise((resolve) => {
      let said = '';
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(first));
      const timer = setInterval(() => drip && socket.write(drip), 50);
      socket.setEncoding('latin1').on('data', (text) => (said += text));
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        resolve(said);
      });
    });
  }

  test('the limits of the host are finite, and it looks for what is late every second', () => {
    const { headersTimeout, requestTimeout, keepAliveTimeout, connectionsCheckingInterval } = connectionLimits;
    expect([headersTimeout, requestTimeout, keepAliveTimeout]).toEqual([15_000, 30_000, 5000]);
    expect(connectionsCheckingInterval).toBeLessThanOrEqual(1000);
    expect(connectionLimits.maxConnections).toBeGreaterThan(0);
  });

  test('the server has these limits', async () => {
    const server = await listen(where, () => {}, readAll);
    try {
      expect(server).toMatchObject(connectionLimits);
    } finally {
      server.close();
    }
  });

  test.each([
    ['says nothing', '', ''],
    ['sends its headers byte by byte', 'GET / HTTP/1.1\r\nHost: test\r\na: ', 'b'],
    ['sends its body byte by byte', 'POST / HTTP/1.1\r\nHost: test\r\ncontent-length: 9999\r\n\r\n', 'x'],
    ['sends chunks without end', 'POST / HTTP/1.1\r\nHost: test\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
    ['has been answered and stays', 'GET / HTTP/1.1\r\nHost: test\r\n\r\n', ''],
  ])('a client that %s is let go when its time is over', async (_, first, drip) => {
    const slow = await listen(where, () => {}, readAll, { ...connectionLimits, ...short });
    try {
      const said = await outlast(urlOf(slow, where), first, drip);
      expect(said === '' || /^HTTP\/1\.1 (200|400|408) /.test(said)).toBe(true);
    } finally {
      slow.close();
    }
  });

  test('a connection more than there may be is closed, and those before it are served', async () => {
    const small = await listen(where, () => {}, readAll, { ...connectionLimits, maxConnections: 2 });
    try {
      const url = urlOf(small, where);
      const idle = [0, 1].map(() => net.connect(Number(new URL(url).port), '127.0.0.1'));
      await Promise.all(idle.map((socket) => new Promise((resolve) => socket.on('connect', resolve))));
      expect(await outlast(url, requestText('GET', '/'))).toBe('');
      const [first, second] = idle;
      const said = new Promise((resolve) => first?.setEncoding('latin1').once('data', resolve));
      first?.write(requestText('GET', '/'));
      expect(await said).toMatch(/^HTTP\/1\.1 200 /);
      for (const socket of [first, second]) socket?.destroy();
    } finally {
      small.close();
      small.closeAllConnections();
    }
  });

  test('a stranger whose body never ends is told 401 at once, though nobody reads the body', async () => {
    const lines = [json, 'transfer-encoding: chunked'];
    const answer = await refusal([requestText('POST', '/v1/jobs', lines), chunk(Buffer.alloc(65_536, 0x20))]);
    expect(answer.status).toBe(401);
  });
});

test('20 clients at once that send what is too long, too deep or without end: memory stays bounded, others are served', async () => {
  const pid = Number(/"pid":(\d+)/.exec(server.output)?.[1] ?? server.child.pid);
  const rss = () => Math.max(...family(pid).map(rssOf));
  const before = rss();
  let most = before;
  const deep = `${'['.repeat(500_000)}${']'.repeat(500_000)}`;
  const piece = chunk(Buffer.alloc(65_536, 0x20));
  const shapes: (string | Uint8Array)[][] = [
    [post(['content-length: 50000000'], ''), ...Array.from({ length: 200 }, () => Buffer.alloc(65_536, 0x20))],
    [post([`content-length: ${deep.length}`], ''), deep],
    [post(['transfer-encoding: chunked'], ''), ...Array.from({ length: 400 }, () => piece)],
    [post([`content-length: 1000000`], ''), '{'],
  ];
  // The attack goes on until everybody has sent five times, and others were served ten times meanwhile.
  let [served, attackers] = [0, 20];
  const attack = Promise.all(
    Array.from({ length: attackers }, async (_, i) => {
      for (let round = 0; round < 5 || served < 10; round++)
        await overWire(server.url, shapes[i % shapes.length] as string[], { quietMs: 1000 });
      attackers--;
    }),
  );
  while (attackers > 0) {
    // On a connection of its own: one that is kept may be ended, by its timeout, as the next request is written to it.
    const health = await overWire(server.url, [requestText('GET', '/healthz')], { quietMs: 30_000 });
    expect({ error: health.error, status: health.answers[0]?.status }).toEqual({ error: undefined, status: 200 });
    served++;
    most = Math.max(most, rss());
  }
  await attack;
  expect(served).toBeGreaterThanOrEqual(10);
  // Twenty bodies, of which no more than a MiB each is kept, and what the collector has not yet taken.
  expect(most - before).toBeLessThan(200 * 1024 * 1024);
});

/** A process and those below it: npm starts a shell, which starts the server. */
function family(pid: number): number[] {
  const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(below ? below.split(' ').flatMap((one) => family(Number(one))) : [])];
}

const rssOf = (pid: number): number =>
  1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
