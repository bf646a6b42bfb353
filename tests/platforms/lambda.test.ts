import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Manifest } from '../../emulator/manifest.ts';
import { ApiGateway } from '../support/api-gateway.ts';
import { root } from '../support/build.ts';
import { expectContract, expectProblem } from '../support/contract.ts';
import { httpEvent, scheduledEvent } from '../support/events.ts';
import { Lambda, routes, template } from '../support/lambda.ts';
import { LibsqlFile } from '../support/libsql.ts';
import { blocksOf, readText, section } from '../support/markdown.ts';
import { freePort, pause } from '../support/server.ts';
import { typeAlong } from '../support/session.ts';
import { ADMIN, type Answer } from '../support/system.ts';

const manifest = JSON.parse(readFileSync(join(root, 'dist/manifest.json'), 'utf8')) as Manifest;

const settings = {
  BOOTSTRAP_ADMIN_TOKEN: ADMIN,
  TICK_SECRET: 'tick-secret',
  RL_CAPACITY: '1000000',
  RL_WINDOW_MS: '1000',
  CLOCK: 'database',
  BACKOFF_BASE_MS: '20',
  BACKOFF_MAX_MS: '100',
  DLQ_REDRIVE_AFTER_MS: '200',
  WEBHOOK_ALLOW_PRIVATE: 'true',
  LOG_LEVEL: 'warn',
};

let file: LibsqlFile;
let open: Lambda[];

beforeEach(async () => {
  file = await LibsqlFile.migrated();
  open = [];
});

afterEach(async () => {
  for (const lambda of open) await lambda.close();
  expect(await file.close()).toEqual([]);
});

function deployed(more: Record<string, string> = {}): Lambda {
  const lambda = new Lambda({ ...settings, LIBSQL_URL: file.url, ...more });
  open.push(lambda);
  return lambda;
}

async function call(lambda: Lambda, method: string, target: string, body?: unknown, token = ADMIN): Promise<Answer> {
  const headers: [string, string][] = [['x-user-auth', token]];
  if (body !== undefined) headers.push(['Content-Type', 'application/json']);
  const answer = await lambda.request({
    method,
    target,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expectContract(method, target, answer);
  return answer;
}

/** Runs both ticks as their schedules would, until the job is as wanted; the job. */
async function until(lambda: Lambda, id: string, wanted: (job: Answer['json']) => boolean): Promise<Answer['json']> {
  for (let i = 0; i < 500; i++) {
    await lambda.tick('process-batch');
    await lambda.tick('coordinate', 'aws.scheduler');
    const { json } = await call(lambda, 'GET', `/v1/jobs/${id}`);
    if (wanted(json)) return json;
    await pause(10);
  }
  throw new Error(`The job ${id} did not get there.`);
}

test('a whole session passes over events: four task types, report, logs, dead-letter queue and redrive', async () => {
  const lambda = deployed();
  const received: http.IncomingHttpHeaders[] = [];
  let status = 200;
  const receiver = http.createServer((request, response) => {
    received.push(request.headers);
    request.resume();
    response.writeHead(status).end('ok');
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const schedule = async (task_type: string, payload: object, more: object = {}) => {
    const answer = await call(lambda, 'POST', '/v1/jobs', { task_type, payload, ...more });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/v1/jobs/${answer.json.id}`);
    return answer.json.id as string;
  };
  try {
    const done = (job: Answer['json']) => job.status === 'done';
    const slept = await until(lambda, await schedule('sleep', { ms: 5 }), done);
    expect(slept).toMatchObject({ result: { slept_ms: 5 }, lease_epoch: 1, interruptions: 0 });
    const people = [{ n: 'a', v: 1 }, { n: 'b', v: 5 }]; // biome-ignore format: one line
    const transform = await schedule('transform', { input: { people }, expression: 'people[?v > `2`].n' });
    expect((await until(lambda, transform, done)).result).toEqual(['b']);
    const webhook = await schedule('webhook', { url: hook, body: { hello: 1 } });
    await until(lambda, webhook, done);
    expect(received.map((headers) => headers['webhook-id'])).toEqual([webhook]);

    status = 500;
    received.length = 0;
    const failing = await schedule('webhook', { url: hook, body: {} }, { max_retries: 2 });
    await until(lambda, failing, (job) => job.status === 'dlq' && job.dlq_redrives === 1);
    expect(received.map((headers) => headers['webhook-id'])).toEqual(Array(6).fill(failing));
    status = 200;
    const reason = 'receiver mended';
    expect((await call(lambda, 'POST', `/v1/jobs/${failing}/redrive`, { reason })).status).toBe(200);
    await until(lambda, failing, done);
    const logs = (await call(lambda, 'GET', `/v1/logs?job_id=${failing}&limit=100`)).json.items;
    expect(logs.length).toBeGreaterThan(15);
    expect(logs.find((row: { event: string; message: string }) => row.message === reason)).toMatchObject({
      event: 'redriven',
    });

    const mail = await schedule('sendEmail', { to: 'a@example.com', subject: 's', text: 't' }, { max_retries: 0 });
    expect((await until(lambda, mail, (job) => job.status === 'dlq')).error).toMatch(/EMAIL_URL/);
    const report = (await call(lambda, 'GET', '/v1/jobs/report')).json;
    expect(report.counts.done).toEqual({ sleep: 1, transform: 1, webhook: 2 });
    expect(report.dlqItems.map(({ id }: { id: string }) => id)).toEqual([mail]);
    expect((await call(lambda, 'GET', '/openapi.json')).json.openapi).toMatch(/^3\.1/);
  } finally {
    receiver.close();
    receiver.closeAllConnections();
  }
});

test("the README's first session passes as it is typed, with the template's settings and no schedule at all", async () => {
  const [start = '', ...blocks] = blocksOf(section(readText('README.md'), '## A first session'), 'sh');
  const typed = Object.fromEntries([...start.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
  const gateway = await ApiGateway.start();
  const variables = Object.entries(template.Globals.Function.Environment.Variables);
  const given = Object.fromEntries(variables.filter(([, value]) => typeof value === 'string')) as Record<
    string,
    string
  >;
  gateway.lambda = deployed({ ...given, DLQ_REDRIVE_AFTER_MS: '', PROCESSOR_URL: gateway.url, ...typed });
  const receiver = String(await freePort());
  try {
    const outputs = await typeAlong(
      blocks.map((block) =>
        block
          .replaceAll('http://127.0.0.1:8000', gateway.url)
          .replaceAll('8001', receiver)
          .replace('the-admin-token', ADMIN),
      ),
      file.folder,
    );
    const said = outputs.join('\n');
    expect(said).toContain('"result":["Ada"]');
    expect(said.match(/^POST \/hook .*$/gm)).toHaveLength(4);
    expect(said).toContain('The receiver was mended');
  } finally {
    await gateway.close();
  }
});

test('every function of the manifest has its route in the template, and every GET takes a HEAD, too', () => {
  const expected = manifest.functions.flatMap(({ name, method, path }) =>
    (method === 'GET' ? ['GET', 'HEAD'] : [method]).map((verb) => ({ handler: `${name}.handler`, method: verb, path })),
  );
  const byRoute = (a: object, b: object) => JSON.stringify(a).localeCompare(JSON.stringify(b));
  const fallback = { handler: 'unrouted.handler', method: undefined, path: undefined };
  expect([...routes].sort(byRoute)).toEqual([...expected, fallback].sort(byRoute));
});

test('the functions that Lambda gets are byte for byte those that the emulator runs', () => {
  for (const { file: path } of manifest.functions) {
    const local = readFileSync(join(root, 'dist', path));
    expect(readFileSync(join(root, 'dist/lambda', path)).equals(local), path).toBe(true);
  }
});

test('a body in base64 is the body, and one that is not UTF-8 is refused', async () => {
  const lambda = deployed();
  const headers: [string, string][] = [['x-user-auth', ADMIN], ['content-type', 'application/json']]; // biome-ignore format: one line
  const post = (body: string | Uint8Array) => lambda.request({ method: 'POST', target: '/v1/jobs', headers, body });
  const input = 'Zoë 🕰';
  const job = { task_type: 'transform', payload: { input, expression: '@' } };
  const binary = await post(new TextEncoder().encode(JSON.stringify(job)));
  expect(binary.status).toBe(201);
  expect(binary.json.payload.input).toBe(input);
  expect((await post(JSON.stringify(job))).json.payload.input).toBe(input);
  const broken = await post(new Uint8Array([0x22, 0xff, 0x22]));
  expect(broken).toMatchObject({ status: 400, json: { code: 'malformed_json' } });
  const large = await post(JSON.stringify({ ...job, payload: 'x'.repeat(1_100_000) }));
  expect(large).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  expect(await file.sql('SELECT count(*) AS n FROM jobs')).toEqual([{ n: 2 }]);
});

test('a header that came twice is joined by API Gateway, and a doubled token opens nothing', async () => {
  const lambda = deployed();
  const twice = await lambda.request({ method: 'GET', target: '/v1/jobs', headers: [['x-user-auth', ADMIN], ['X-User-Auth', ADMIN]] }); // biome-ignore format: one line
  expect(twice).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
  const once = await lambda.request({ method: 'GET', target: '/v1/jobs', headers: [['X-User-Auth', ADMIN]] });
  expect(once.status).toBe(200);
});

test('a query string arrives as it was written: escaped, given twice, or unknown', async () => {
  const lambda = deployed();
  await call(lambda, 'POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } });
  await call(lambda, 'POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } });
  const first = await call(lambda, 'GET', '/v1/jobs?limit=1&task_type=sl%65ep');
  expect(first.json.items).toHaveLength(1);
  const second = await call(lambda, 'GET', `/v1/jobs?limit=1&task_type=sleep&cursor=${first.json.next_cursor}`);
  expect(second.json.items[0].id).not.toBe(first.json.items[0].id);
  expect(await call(lambda, 'GET', '/v1/jobs?limit=1&limit=2')).toMatchObject({
    status: 400,
    json: { code: 'bad_parameter' },
  });
  expect(await call(lambda, 'GET', '/v1/jobs?unknown=1')).toMatchObject({
    status: 400,
    json: { code: 'bad_parameter' },
  });
});

test('what no route takes is a problem: 404 for a path, 405 with Allow for a method, 401 without a token', async () => {
  const lambda = deployed();
  expect(await call(lambda, 'GET', '/v1/nothing')).toMatchObject({ status: 404, json: { code: 'not_found' } });
  const wrong = await call(lambda, 'DELETE', '/v1/jobs');
  expect(wrong).toMatchObject({ status: 405, json: { code: 'method_not_allowed' } });
  expect(wrong.headers.get('allow')).toBe('POST, GET, HEAD');
  // A literal path goes before a pattern: this is no job called "report".
  expect((await call(lambda, 'GET', '/v1/jobs/report')).json.totals).toBeDefined();
  expect((await lambda.request({ method: 'GET', target: '/v1/nothing' })).status).toBe(401);
});

test('HEAD answers as GET does, without a body, and a body with GET means nothing', async () => {
  const lambda = deployed();
  const headers: [string, string][] = [['x-user-auth', ADMIN]];
  const head = await lambda.request({ method: 'HEAD', target: '/v1/jobs', headers });
  expect(head).toMatchObject({ status: 200, json: '' });
  const get = await lambda.request({ method: 'GET', target: '/v1/jobs', headers, body: '{"x":1}' });
  expect(get).toMatchObject({ status: 200, json: { items: [] } });
});

test("a stranger's rate limit goes by the address that API Gateway saw, not by a header", async () => {
  const lambda = deployed({ RL_CAPACITY: '2', RL_WINDOW_MS: '3600000' });
  const ask = (sourceIp: string, forwarded: string) =>
    lambda.request({ method: 'GET', target: '/openapi.json', sourceIp, headers: [['X-Forwarded-For', forwarded]] });
  expect((await ask('203.0.113.1', '10.0.0.1')).status).toBe(200);
  expect((await ask('203.0.113.1', '10.0.0.2')).status).toBe(200);
  const limited = await ask('203.0.113.1', '10.0.0.3');
  expect(limited).toMatchObject({ status: 429, json: { code: 'rate_limited' } });
  expect(limited.headers.get('retry-after')).toMatch(/^\d+$/);
  expect((await ask('203.0.113.2', '10.0.0.1')).status).toBe(200);
});

test('a tick runs by a schedule and over HTTP with the secret, and not without it', async () => {
  const lambda = deployed();
  const { json } = await call(lambda, 'POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } });
  const tick = (secret: string) =>
    lambda.request({ method: 'POST', target: '/v1/ticks/process-batch', headers: [['x-tick-secret', secret]] });
  expect(await tick('wrong')).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
  expect((await call(lambda, 'GET', `/v1/jobs/${json.id}`)).json.status).toBe('pending');
  expect(await tick('tick-secret')).toMatchObject({ status: 200, json: { claimed: 1, done: 1 } });
  expect(await lambda.tick('process-batch')).toMatchObject({ claimed: 0 });
});

test('an endpoint takes no schedule, and a tick no event of another service', async () => {
  const lambda = deployed();
  await expect(lambda.invoke('schedule-job.handler', scheduledEvent())).rejects.toThrow(/takes HTTP events/);
  await expect(lambda.invoke('process-batch.handler', { Records: [{ eventSource: 'aws:sqs' }] })).rejects.toThrow(
    /EventBridge/,
  );
  await expect(lambda.invoke('process-batch.handler', null)).rejects.toThrow(/EventBridge/);
});

test('a tick stops before Lambda cuts it off: what it was running goes back without a charge', async () => {
  const lambda = deployed();
  const { json } = await call(lambda, 'POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 60_000 } });
  // Ten seconds before the end it stops, and its handlers get five: this one is told at once.
  const counts = await lambda.invoke('process-batch.handler', scheduledEvent(), 10_200);
  expect(counts).toMatchObject({ claimed: 1, released: 1 });
  const { json: job } = await call(lambda, 'GET', `/v1/jobs/${json.id}`);
  expect(job).toMatchObject({ status: 'pending', interruptions: 0, retries: 0, lease_worker: null });
});

test('a scheduled job wakes the tick at PROCESSOR_URL with the secret, and an answer that is late holds up nobody', async () => {
  const wakes: { url: string | undefined; secret: unknown }[] = [];
  const processor = http.createServer((request) => {
    // It never answers, as a tick that runs for minutes.
    wakes.push({ url: request.url, secret: request.headers['x-tick-secret'] });
  });
  await new Promise<void>((resolve) => processor.listen(0, '127.0.0.1', resolve));
  const lambda = deployed({ PROCESSOR_URL: `http://127.0.0.1:${(processor.address() as AddressInfo).port}/` });
  try {
    const answer = await call(lambda, 'POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } });
    expect(answer.status).toBe(201);
    expect(wakes).toEqual([{ url: '/v1/ticks/process-batch', secret: 'tick-secret' }]);
  } finally {
    processor.close();
    processor.closeAllConnections();
  }
  expect((await call(lambda, 'POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } })).status).toBe(201);
});

test('a missing database, a bad setting and an unmigrated file are each one clear problem, and the tick says why', async () => {
  const list = { method: 'GET', target: '/v1/jobs', headers: [['x-user-auth', ADMIN]] as [string, string][] };
  const cases: [Record<string, string>, string, RegExp][] = [
    [{ LIBSQL_URL: '' }, 'database_unavailable', /LIBSQL_URL is not set/],
    [{ LIBSQL_URL: 'wss://example.com' }, 'database_unavailable', /URL_SCHEME_NOT_SUPPORTED/],
    [{ LIBSQL_URL: 'http://127.0.0.1:9' }, 'database_unavailable', /not answering/],
    [{ LIBSQL_URL: `file:${join(file.folder, 'new.db')}` }, 'database_unavailable', /no such table/],
    [{ LEASE_MS: 'soon' }, 'misconfigured', /LEASE_MS is "soon"/],
  ];
  for (const [env, code, why] of cases) {
    const lambda = deployed(env);
    const answer = await lambda.request(list);
    expectProblem(answer);
    expect(answer).toMatchObject({ status: 503, json: { code } });
    await expect(lambda.tick('process-batch'), code).rejects.toThrow(why);
    await lambda.close();
  }
  expect(await file.sql('SELECT count(*) AS n FROM logs')).toEqual([{ n: 0 }]);
});

test('events have the form that the adapter tells apart', () => {
  expect(httpEvent({ method: 'GET', target: '/v1/jobs?a=1&a=2' })).toMatchObject({
    version: '2.0',
    rawPath: '/v1/jobs',
    rawQueryString: 'a=1&a=2',
    queryStringParameters: { a: '1,2' },
  });
});
