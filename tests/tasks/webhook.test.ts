import { gzipSync } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Received, Receiver } from '../support/receiver.ts';
import { cleanUp, freePort, pause, Server } from '../support/server.ts';
import type { Answer } from '../support/system.ts';

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const MAX_WAIT_MS = 1500;
let server: Server;
let receiver: Receiver;

beforeAll(async () => {
  const env = { WEBHOOK_SECRET: secret, BACKOFF_BASE_MS: '20', BACKOFF_MAX_MS: String(MAX_WAIT_MS) };
  server = await Server.start({ env, bare: true });
});
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(() => receiver.close());
afterAll(cleanUp);

describe('the request', () => {
  test('is a POST with the body as JSON, where nothing else is said', async () => {
    const body = { hello: 'wörld', list: [1, 2, { deep: null }] };
    expect(await run({ url: `${receiver.url}?a=b%20c`, body })).toMatchObject({
      status: 'done',
      result: { status: 200, body: 'ok' },
    });
    const [request] = receiver.requests as [Received];
    expect(receiver.requests).toHaveLength(1);
    expect(request).toMatchObject({ method: 'POST', path: '/hook?a=b%20c' });
    expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'escapement' });
    expect(JSON.parse(request.body)).toEqual(body);
  });

  test.each(['PUT', 'PATCH', 'DELETE'])('is a %s where that is asked for', async (method) => {
    await run({ url: receiver.url, method, body: [1] });
    expect(receiver.requests).toMatchObject([{ method, body: '[1]' }]);
  });

  test('carries a text as it is, and null as JSON', async () => {
    await run({ url: receiver.url, body: 'a plain text, ünchanged' });
    await run({ url: receiver.url, body: null });
    const [text, nothing] = receiver.requests as [Received, Received];
    expect(text).toMatchObject({ body: 'a plain text, ünchanged' });
    expect(text.headers['content-type']).toMatch(/^text\/plain/);
    expect(nothing).toMatchObject({ body: 'null', headers: { 'content-type': 'application/json' } });
  });

  test('has neither a body nor a type of one, where none is given', async () => {
    await run({ url: receiver.url });
    await run({ url: receiver.url, method: 'GET' });
    expect(receiver.requests).toMatchObject([
      { method: 'POST', body: '' },
      { method: 'GET', body: '' },
    ]);
    for (const { headers } of receiver.requests) expect(headers).not.toHaveProperty('content-type');
  });

  test("carries the job's headers; they go before our own, however they are written", async () => {
    const headers = {
      Authorization: 'Bearer abc',
      'Content-Type': 'application/vnd.api+json',
      'User-Agent': 'mine',
      'x-empty': '',
    };
    await run({ url: receiver.url, headers, body: {} });
    expect(receiver.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer abc',
      'content-type': 'application/vnd.api+json',
      'user-agent': 'mine',
      'x-empty': '',
    });
  });
});

describe('the signature', () => {
  test.each([{ hello: 'wörld' }, 'a text', undefined])(
    'of %j is one that the library of the scheme verifies',
    async (body) => {
      const job = await run({ url: receiver.url, ...(body !== undefined && { body }) });
      const { headers, body: sent } = receiver.requests[0] as Received;
      expect(headers['webhook-id']).toBe(job.id);
      const named = {
        'webhook-id': job.id,
        'webhook-timestamp': String(headers['webhook-timestamp']),
        'webhook-signature': String(headers['webhook-signature']),
      };
      const verifier = new Webhook(secret);
      // A text is no JSON: the library says so after it has accepted the signature.
      const verify = () => verifier.verify(sent, named);
      if (typeof body === 'string') expect(verify).toThrow(SyntaxError);
      else expect(verify() || undefined).toEqual(body);
      expect(() => verifier.verify(`${sent} `, named)).toThrow('No matching signature');
      expect(() => new Webhook('whsec_b3RoZXJvdGhlcm90aGVyb3RoZXI=').verify(sent, named)).toThrow(
        'No matching signature',
      );
    },
  );

  test('is made anew for each attempt, the id stays', async () => {
    receiver.reply = (response) => response.writeHead(receiver.requests.length < 3 ? 503 : 200).end();
    const job = await run({ url: receiver.url, body: {} });
    expect(job).toMatchObject({ status: 'done', retries: 2 });
    expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual([job.id, job.id, job.id]);
    for (const { headers, body } of receiver.requests)
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({});
  });

  test('is left out without WEBHOOK_SECRET, the id is not', async () => {
    const plain = await Server.start({ bare: true });
    const { id } = await plain.schedule('webhook', { url: receiver.url, body: {} });
    await plain.until(id, ['done']);
    const { headers } = receiver.requests[0] as Received;
    expect(headers).toMatchObject({ 'webhook-id': id, 'webhook-timestamp': expect.stringMatching(/^\d{10}$/) });
    expect(headers).not.toHaveProperty('webhook-signature');
    await plain.stop();
  });
});

describe('what the receiver answers', () => {
  test.each([200, 201, 202, 204])('%i is success', async (status) => {
    receiver.answer(status);
    expect(await run({ url: receiver.url })).toMatchObject({
      status: 'done',
      retries: 0,
      result: { status, body: '' },
    });
  });

  test.each([408, 425, 429, 500, 502, 503, 504, 599])('%i is tried again', async (status) => {
    receiver.reply = (response) => response.writeHead(receiver.requests.length === 1 ? status : 200).end();
    expect(await run({ url: receiver.url })).toMatchObject({ status: 'done', retries: 1 });
    expect(receiver.requests).toHaveLength(2);
  });

  test.each([400, 401, 403, 404, 410, 418, 422, 451])('%i is final', async (status) => {
    receiver.answer(status, {}, 'go away');
    const job = await run({ url: receiver.url });
    expect(job).toMatchObject({ status: 'dlq', retries: 1, error: `The receiver answered ${status}: go away` });
    expect(receiver.requests).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])('%i is final, and is not followed', async (status) => {
    const elsewhere = await Receiver.start();
    receiver.answer(status, { location: elsewhere.url });
    const job = await run({ url: receiver.url });
    expect(job).toMatchObject({ status: 'dlq', retries: 1 });
    expect(job.error).toBe(`The receiver answered ${status} (redirects are not followed)`);
    expect(elsewhere.connections).toBe(0);
    await elsewhere.close();
  });
});

describe('a receiver that is in trouble', () => {
  test('is tried again when nobody listens', async () => {
    const port = await freePort();
    const job = await run({ url: `http://127.0.0.1:${port}/` }, { max_retries: 1 });
    expect(job).toMatchObject({
      status: 'dlq',
      retries: 2,
      error: expect.stringMatching(/could not be reached.*ECONNREFUSED/),
    });
  });

  test('is tried again when its name is not known', async () => {
    const job = await run({ url: 'http://nobody.invalid/' }, { max_retries: 1 });
    expect(job).toMatchObject({
      status: 'dlq',
      retries: 2,
      error: expect.stringMatching(/could not be reached.*nobody\.invalid/),
    });
  });

  test('is tried again when it hangs up, before the answer or within', async () => {
    receiver.reply = (response) => {
      const n = receiver.requests.length;
      if (n === 1) response.destroy();
      else if (n === 2) response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
      else response.end('whole');
    };
    expect(await run({ url: receiver.url })).toMatchObject({ status: 'done', retries: 2, result: { body: 'whole' } });
  });

  test('is tried again when it does not speak HTTP', async () => {
    receiver.reply = (response) => {
      if (receiver.requests.length > 1) response.end('ok');
      else response.socket?.end('220 mail.example.com ESMTP\r\n');
    };
    expect(await run({ url: receiver.url })).toMatchObject({ status: 'done', retries: 1 });
  });

  test.each(['answers nothing', 'stops within its answer'])(
    'is given up after timeout_ms when it %s, and tried again',
    async (how) => {
      receiver.reply = (response) => {
        if (receiver.requests.length > 1) response.end('ok');
        else if (how === 'stops within its answer') response.write('o');
      };
      const job = await run({ url: receiver.url }, { timeout_ms: 400 });
      expect(job).toMatchObject({ status: 'done', retries: 1, interruptions: 0 });
      const failed = await logOf(job.id, 'failed');
      expect(failed.message).toBe('The job ran out of time after 400 ms.');
      // The connection of the attempt that was given up is gone, not waiting for its end.
      while (receiver.open > 1) await pause(20);
    },
  );
});

describe('Retry-After', () => {
  const waits: [string, () => string, number, number][] = [
    ['seconds', () => '1', 1000, 1000],
    ['an HTTP date', () => new Date(Date.now() + 2000).toUTCString(), 1, MAX_WAIT_MS],
    ['more seconds than BACKOFF_MAX_MS', () => '3600', MAX_WAIT_MS, MAX_WAIT_MS],
    ['a date beyond BACKOFF_MAX_MS', () => 'Fri, 31 Dec 2100 23:59:59 GMT', MAX_WAIT_MS, MAX_WAIT_MS],
    ['a date in the past', () => 'Mon, 01 Jan 2001 00:00:00 GMT', 0, 20],
    ['no time at all', () => 'soon', 0, 20],
    ['a negative number', () => '-5', 0, 20],
  ];

  test.each(waits)('as %s is the least wait, capped', async (_, value, least, most) => {
    receiver.reply = (response) => {
      if (receiver.requests.length > 1) response.end();
      else response.writeHead(503, { 'retry-after': value() }).end();
    };
    const job = await run({ url: receiver.url });
    expect(job).toMatchObject({ status: 'done', retries: 1 });
    const failed = await logOf(job.id, 'failed');
    expect(failed.data.wait_ms).toBeGreaterThanOrEqual(least);
    expect(failed.data.wait_ms).toBeLessThanOrEqual(most);
    const claims = (await logsOf(job.id)).filter(({ event }) => event === 'claimed');
    const waited = Date.parse(claims[0]?.at as string) - Date.parse(failed.at);
    expect(waited).toBeGreaterThanOrEqual(failed.data.wait_ms);
  });

  test('with a final answer changes nothing', async () => {
    receiver.answer(404, { 'retry-after': '1' });
    expect(await run({ url: receiver.url })).toMatchObject({ status: 'dlq', retries: 1 });
  });
});

describe('a long answer', () => {
  const piece = Buffer.alloc(16_384, 'x');

  test('is kept to its first 1,000 characters', async () => {
    receiver.reply = (response) => response.end(`\u0000é${'y'.repeat(5000)}`);
    const { result } = await run({ url: receiver.url });
    expect(result).toEqual({ status: 200, body: `é${'y'.repeat(998)}` });
  });

  test.each([200, 500])(
    'that has no end (%i) is read no further than 64 KB, and the connection is closed',
    async (status) => {
      let sent = 0;
      let closed = false;
      receiver.reply = (response) => {
        response.writeHead(receiver.requests.length === 1 ? status : 200);
        if (receiver.requests.length > 1) return response.end();
        const more = () => {
          while (!closed && response.write(piece)) sent += piece.length;
        };
        response.on('drain', more).on('close', () => {
          closed = true;
        });
        more();
        return response;
      };
      const job = await run({ url: receiver.url });
      expect(job.status).toBe('done');
      if (status === 200) expect(job.result).toEqual({ status: 200, body: 'x'.repeat(1000) });
      while (!closed) await pause(20);
      // What the two kernels hold between the programs was sent, but not read.
      expect(sent).toBeLessThan(16_000_000);
    },
  );

  test('that announces 10 MB is not waited for', async () => {
    let finished = false;
    receiver.reply = (response) => {
      response.writeHead(200, { 'content-length': String(10_000_000) });
      response.write(Buffer.alloc(100_000, 'x'));
      response.on('finish', () => {
        finished = true;
      });
    };
    expect(await run({ url: receiver.url })).toMatchObject({ status: 'done', result: { body: 'x'.repeat(1000) } });
    while (receiver.open > 0) await pause(20);
    expect(finished).toBe(false);
  });

  test('that unfolds from a small one is bounded, too', async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000, 'x'));
    receiver.reply = (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    expect(await run({ url: receiver.url })).toMatchObject({ status: 'done', result: { body: 'x'.repeat(1000) } });
  });
});

describe('scheduling', () => {
  const payloads: [string, object][] = [
    ['no URL', {}],
    ['a URL without a scheme', { url: 'example.com/hook' }],
    ...[
      'ftp://example.com/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'data:text/plain,x',
      'ws://example.com/',
    ].map((url): [string, object] => [url, { url }]),
    ...[
      'http://me@example.com/',
      'http://me:pass@example.com/',
      'https:me:pass@example.com',
      'http:/me@example.com',
      'http:\\\\me:pass@example.com\\',
    ].map((url): [string, object] => [url, { url }]),
    ['a long URL', { url: `http://example.com/${'x'.repeat(2048)}` }],
    ['a method that is none of ours', { method: 'TRACE' }],
    ['a method in small letters', { method: 'post' }],
    ['GET with a body', { method: 'GET', body: {} }],
    ...[
      'Host',
      'connection',
      'Content-Length',
      'transfer-encoding',
      'Upgrade',
      'TE',
      'Trailer',
      'Expect',
      'Keep-Alive',
      'Webhook-Id',
      'webhook-signature',
      'Proxy-Authorization',
    ].map((name): [string, object] => [`the header ${name}`, { headers: { [name]: 'x' } }]),
    ['a line break in a header', { headers: { 'x-a': 'a\r\nx-b: b' } }],
    ['a line feed at the end of a header', { headers: { 'x-a': 'a\n' } }],
    ['a control character in a header', { headers: { 'x-a': 'a\u0007' } }],
    ['a line break in the name of a header', { headers: { 'x-a\r\nx-b': 'b' } }],
    ['a colon in the name of a header', { headers: { 'x-a:': 'b' } }],
    ['an empty name of a header', { headers: { '': 'b' } }],
    ['a header that is no text', { headers: { 'x-a': 1 } }],
    ['51 headers', { headers: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`x-${i}`, ''])) }],
    ['an unknown field', { urls: [] }],
  ];

  test.each(payloads)('refuses %s', async (name, payload) => {
    const whole = name === 'no URL' ? payload : { url: 'http://example.com/', ...payload };
    const answer = await server.call('POST', '/v1/jobs', { task_type: 'webhook', payload: whole });
    expect(answer).toMatchObject({ status: 422, json: { code: 'invalid_payload' } });
    expect(answer.json.errors[0].path).toMatch(/^\/payload/);
  });

  test.each([
    'http://example.com?mail=me@example.com',
    'http://example.com/@me',
    'HTTPS://EXAMPLE.com/',
    'http://[2606:4700::1111]:8080/',
  ])('accepts %s', async (url) => {
    const job = await server.schedule('webhook', { url }, { delay_ms: 86_400_000 });
    expect(job).toMatchObject({ status: 'pending', payload: { url } });
  });
});

describe('without WEBHOOK_ALLOW_PRIVATE', () => {
  test('a receiver on this machine or in its network is a final error, and sees no connection', async () => {
    const guarded = await Server.start({ env: { WEBHOOK_ALLOW_PRIVATE: 'false', BACKOFF_BASE_MS: '20' }, bare: true });
    const { port } = receiver;
    const hosts = [
      '127.0.0.1',
      'localhost',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '[::ffff:127.0.0.1]',
      '[::1]',
      '[::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '169.254.169.254',
      '100.64.0.1',
      '[fd00::1]',
      '[fe80::1]',
      '0.0.0.0',
    ];
    const jobs = await Promise.all(
      hosts.map((host) => guarded.schedule('webhook', { url: `http://${host}:${port}/` })),
    );
    for (const { id } of jobs) {
      const job = await guarded.until(id, ['dlq']);
      expect(job).toMatchObject({
        retries: 1,
        result: null,
        error: expect.stringMatching(/not a public address; WEBHOOK_ALLOW_PRIVATE=true/),
      });
    }
    expect(receiver.connections).toBe(0);
    await guarded.stop();
  });
});

async function run(payload: object, more: object = {}): Promise<Answer['json']> {
  const { id } = await server.schedule('webhook', payload, more);
  return server.until(id, ['done', 'dlq']);
}

const logsOf = async (id: string): Promise<{ event: string; at: string }[]> =>
  (await server.call('GET', `/v1/logs?job_id=${id}&limit=100`)).json.items;

const logOf = async (id: string, event: string): Promise<Answer['json']> =>
  (await logsOf(id)).find((log) => log.event === event);
