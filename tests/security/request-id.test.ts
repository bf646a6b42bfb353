import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { adapt } from '../../emulator/deploy/lambda-adapter.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { expectGuarded } from '../support/contract.ts';
import { httpEvent } from '../support/events.ts';
import { cleanUp, pause, Server } from '../support/server.ts';
import { type Answer, System } from '../support/system.ts';
import { overWire, requestText } from '../support/wire.ts';

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const idOf = ({ headers }: Pick<Answer, 'headers'>) => headers.get('x-request-id') as string;

/** The lines of the log with this id, once there is one with this message. */
async function logged(server: Server, id: string, message: string) {
  for (;;) {
    const lines = server.lines.filter(({ request_id }) => request_id === id);
    if (lines.some(({ msg }) => msg === message)) return lines;
    if (server.child.exitCode !== null) throw new Error(server.output);
    await pause(20);
  }
}

describe('over the wire', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ script: 'start:api', bare: true });
  });
  afterAll(cleanUp);

  const requests: [string, string, unknown?, string?][] = [
    ['GET', '/healthz'],
    ['GET', '/openapi.json'],
    ['GET', '/v1/jobs'],
    ['HEAD', '/v1/jobs'],
    ['POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } }],
    ['POST', '/v1/jobs', '{'],
    ['POST', '/v1/jobs', {}],
    ['GET', '/v1/jobs/none'],
    ['DELETE', '/v1/jobs'],
    ['GET', '/nothing'],
    ['GET', '/v1/jobs', undefined, 'wrong'],
    ['POST', '/v1/ticks/coordinate', undefined, 'wrong'],
  ];

  test.each(requests)('%s %s %j is answered with an id that its line of the log has too', async (...request) => {
    const [method, path, body, token] = request;
    const answer = await server.call(method, path, body, token ? { token } : {});
    expectGuarded(answer);
    expect(idOf(answer)).toMatch(shape);
    if (answer.status >= 400) expect(answer.json.request_id).toBe(idOf(answer));
    const lines = await logged(server, idOf(answer), 'request');
    expect(lines).toMatchObject([{ method, status: answer.status, path: path.split('?')[0] }]);
  });

  test('no two requests have one, and what a client sends as its own is neither taken nor logged', async () => {
    const mine = '019ab2f0-6a3e-7c1d-8b52-4f0e9d3c2a17';
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        server.call('GET', '/v1/jobs', undefined, { headers: { 'x-request-id': mine } }),
      ),
    );
    const ids = answers.map(idOf);
    expect(new Set(ids).size).toBe(50);
    expect(ids).not.toContain(mine);
    for (const id of ids) await logged(server, id, 'request');
    expect(server.output).not.toContain(mine);
  });

  test('of a failure stands in its answer, in the line of the request and in that of the cause, which the answer lacks', async () => {
    const broken = await Server.start({ script: 'start:api', bare: true });
    const db = new Sqlite(broken.file);
    db.exec('ALTER TABLE jobs RENAME TO elsewhere');
    db.close();
    const answer = await broken.call('GET', '/v1/jobs');
    expect(answer.status).toBe(503);
    expect(JSON.stringify(answer.json)).not.toMatch(/no such table|SqliteError|\.ts|\.mjs/);
    const lines = await logged(broken, idOf(answer), 'request');
    expect(lines).toMatchObject([
      { level: 'error', request_id: answer.json.request_id, code: 'database_unavailable' },
      { level: 'info', msg: 'request', status: 503 },
    ]);
    expect(lines[0]?.cause).toContain('no such table: jobs');
  });

  test.each([
    ['is no HTTP', 'hello\r\n\r\n'],
    ['has a header without end', requestText('GET', '/v1/jobs', [`x-long: ${'x'.repeat(70_000)}`])],
    ['has two lengths', requestText('POST', '/v1/jobs', ['content-length: 1', 'content-length: 2'], 'x')],
    ['has a Host that makes no URL', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ])('what Node itself refuses because it %s has one, too', async (_, text) => {
    const { answers } = await overWire(server.url, [text]);
    const [answer] = answers as [Answer];
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expectGuarded(answer);
    expect(answer.json.request_id).toBe(idOf(answer));
    const lines = await logged(server, idOf(answer), 'request refused');
    expect(lines).toMatchObject([{ status: answer.status, code: answer.json.code }]);
  });
});

describe('without a host', () => {
  let system: System;
  afterEach(() => system.close());

  test('every function gives its answer an id of its own making', async () => {
    system = new System();
    for (const { fetch, method, path } of [...endpoints, ...ticks]) {
      const request = new Request(`http://test${path.replace('{id}', 'none')}`, { method });
      const response = await fetch(request, system.env);
      expectGuarded(response, path);
      if (response.status >= 400) expect((await response.json()).request_id).toBe(response.headers.get('x-request-id'));
    }
  });

  test('a failure is logged with it, to the console where nothing else is there to log to', async () => {
    system = new System();
    const { LOG: _, ...env } = system.env;
    system.db.exec('ALTER TABLE jobs RENAME TO elsewhere');
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    const list = endpoints.find(({ name }) => name === 'list-jobs');
    const headers = { 'x-user-auth': String(env.BOOTSTRAP_ADMIN_TOKEN) };
    const response = (await list?.fetch(new Request('http://test/v1/jobs', { headers }), env)) as Response;
    const lines = error.mock.calls.map(([line]) => JSON.parse(line));
    error.mockRestore();
    expect(response.status).toBe(503);
    const { request_id } = await response.json();
    expect(lines).toMatchObject([{ level: 'error', request_id, cause: expect.stringContaining('no such table') }]);
  });

  test('a bad setting is answered with one', async () => {
    system = new System();
    const list = endpoints.find(({ name }) => name === 'list-jobs');
    const response = (await list?.fetch(new Request('http://test/v1/jobs'), {
      ...{ ...system.env, LEASE_MS: 'soon' },
    })) as Response;
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'misconfigured', request_id: idOf(response) });
  });
});

test("on Lambda it is that of the invocation, which stands in the platform's own lines", async () => {
  const seen: (string | undefined)[] = [];
  const fetch = async (_: Request, __: unknown, invocation?: { requestId?: string }) => {
    seen.push(invocation?.requestId);
    return new Response('{}');
  };
  const handler = adapt({ fetch });
  const awsRequestId = 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef';
  await handler(httpEvent({ method: 'GET', target: '/v1/jobs' }), { awsRequestId } as never);
  expect(seen).toEqual([awsRequestId]);
});

test('in workerd it stands in the answer and in the log of the host', { timeout: 60_000 }, async () => {
  const server = await Server.start({ bare: true, args: ['--runtime', 'workerd'] });
  const answer = await server.call('GET', '/v1/jobs/none');
  expect(answer.status).toBe(404);
  expectGuarded(answer);
  expect(answer.json.request_id).toBe(idOf(answer));
  expect(await logged(server, idOf(answer), 'request')).toMatchObject([{ method: 'GET', status: 404 }]);
  await server.stop();
  await cleanUp();
});
