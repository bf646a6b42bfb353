import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Receiver } from '../support/receiver.ts';
import { cleanUp, pause, Server } from '../support/server.ts';
import type { Answer } from '../support/system.ts';

// What a receiver says may be a secret of its own, and is shown to whoever scheduled the job.

const SECRET = 'the-receivers-own-secret';
let quiet: Server;
let open: Server;
let receiver: Receiver;

beforeAll(async () => {
  const env = { BACKOFF_BASE_MS: '20', BACKOFF_MAX_MS: '100' };
  [quiet, open] = await Promise.all([
    Server.start({ bare: true, env: { ...env, WEBHOOK_EXCERPT: 'false', LOG_LEVEL: 'debug' } }),
    Server.start({ bare: true, env }),
  ]);
});
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(() => receiver.close());
afterAll(cleanUp);

async function run(server: Server, more: object = { max_retries: 0 }): Promise<Answer['json']> {
  const { id } = await server.schedule('webhook', { url: receiver.url, body: {} }, more);
  return server.until(id, ['done', 'dlq']);
}

test.each([200, 201, 400, 404, 302, 429, 500])(
  'with WEBHOOK_EXCERPT=false nothing that came with %i is kept; by default its first characters are',
  async (status) => {
    receiver.answer(status, { 'x-says': SECRET, location: `/${SECRET}` }, `{"token":"${SECRET}"}`);
    const job = await run(quiet);
    const logs = (await quiet.call('GET', `/v1/logs?job_id=${job.id}`)).json;
    expect(JSON.stringify([job, logs]) + quiet.output).not.toContain(SECRET);
    if (status < 300) expect(job).toMatchObject({ status: 'done', result: { status, body: null } });
    else expect(job.error).toMatch(new RegExp(`^The receiver answered ${status}( \\(redirects are not followed\\))?$`));
    // The same receiver, and a system that may show it: this test would see the secret.
    expect(JSON.stringify(await run(open))).toContain(SECRET);
  },
);

test('what is no HTTP at all is not quoted either', async () => {
  receiver.reply = (response) => response.socket?.end(`220 ${SECRET} ESMTP\r\n`);
  for (const server of [quiet, open]) {
    const job = await run(server);
    expect(job).toMatchObject({ status: 'dlq', error: expect.stringContaining('could not be reached') });
    expect(JSON.stringify(job) + server.output).not.toContain(SECRET);
  }
});

test('with WEBHOOK_EXCERPT=false an answer is not read to its end, and its connection is closed', async () => {
  receiver.reply = (response) => {
    response.writeHead(200).write(SECRET);
    // It never ends.
  };
  expect(await run(quiet)).toMatchObject({ status: 'done', result: { status: 200, body: null } });
  while (receiver.open > 0) await pause(20);
});

test('Retry-After is heeded all the same', async () => {
  receiver.reply = (response) => {
    if (receiver.requests.length > 1) response.end();
    else response.writeHead(503, { 'retry-after': '1' }).end(SECRET);
  };
  const job = await run(quiet, { max_retries: 1 });
  const { items } = (await quiet.call('GET', `/v1/logs?job_id=${job.id}&event=failed`)).json;
  expect(items).toMatchObject([{ message: 'The receiver answered 503', data: { wait_ms: 100 } }]);
});
