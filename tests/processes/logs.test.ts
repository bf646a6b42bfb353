import { afterEach, expect, test } from 'vitest';
import { cleanUp, freePort, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

afterEach(cleanUp);

test('without a terminal every line is one JSON object with a level, a time and a message', async () => {
  const server = await Server.start({ env: { BOOTSTRAP_ADMIN_TOKEN: '' }, bare: true });
  const [, token] = server.stdout.match(/admin token: (\S+)/) as RegExpMatchArray;
  await server.call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } }, { token: token as string });
  await server.stop();
  const lines = server.stdout.trimEnd().split('\n');
  const others = lines.filter((line) => !line.startsWith('{'));
  expect(others).toEqual([`admin token: ${token}`]);
  expect(server.lines).toHaveLength(lines.length - 1);
  for (const line of server.lines) {
    expect(line).toMatchObject({ level: expect.stringMatching(/^(info|debug)$/), msg: expect.any(String) });
    expect(new Date(line.time).toISOString()).toBe(line.time);
  }
  expect(server.stderr).toBe('');
});

test('each request is one line with method, path, status and milliseconds', async () => {
  const server = await Server.start({ bare: true });
  const requests: [string, string, unknown, number][] = [
    ['GET', '/v1/jobs?limit=1', undefined, 200],
    ['POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } }, 201],
    ['POST', '/v1/jobs', '{', 400],
    ['GET', '/v1/nothing-here', undefined, 404],
    ['POST', '/healthz', undefined, 405],
  ];
  for (const [method, path, body, status] of requests)
    expect((await server.call(method, path, body)).status).toBe(status);
  expect((await server.call('GET', '/v1/jobs', undefined, { token: null })).status).toBe(401);
  await server.stop();
  const logged = server.lines.filter(({ msg, path }) => msg === 'request' && path !== '/healthz');
  expect(logged.map(({ method, path, status }) => [method, path, status])).toEqual([
    ['GET', '/v1/jobs', 200],
    ['POST', '/v1/jobs', 201],
    ['POST', '/v1/jobs', 400],
    ['GET', '/v1/nothing-here', 404],
    ['GET', '/v1/jobs', 401],
  ]);
  const probes = server.lines.filter(({ msg, path }) => msg === 'request' && path === '/healthz');
  expect(probes.at(-1)).toMatchObject({ method: 'POST', status: 405 });
  for (const { ms } of [...logged, ...probes]) expect(ms).toBeGreaterThanOrEqual(0);
});

test('a tick that did something is one line that says what; an idle one is for debugging only', async () => {
  const server = await Server.start({ bare: true });
  const { id } = await server.schedule('transform', { input: 1, expression: '@' });
  await server.until(id, ['done']);
  const bad = await server.schedule('transform', { input: 1, expression: "abs('x')" });
  await server.until(bad.id, ['dlq']);
  await server.stop();
  const ticks = server.lines.filter(({ msg }) => msg === 'tick');
  const worked = ticks.filter(({ tick }) => tick === 'process-batch');
  expect(sumOf(worked)).toMatchObject({ claimed: 2, done: 1, failed: 1, released: 0, cancelled: 0, stale: 0 });
  const coordinated = ticks.filter(({ tick }) => tick === 'coordinate');
  expect(sumOf(coordinated)).toMatchObject({ buried: 1, retried: 0, reclaimed: 0 });
  for (const { level, ms, time, msg, tick, ...counts } of ticks) {
    expect(level).toBe('info');
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(Object.values(counts).some((n) => n > 0)).toBe(true);
  }

  const curious = await Server.start({ env: { LOG_LEVEL: 'debug' }, bare: true });
  while (!curious.lines.some(({ msg, level }) => msg === 'tick' && level === 'debug'))
    await curious.call('GET', '/healthz');
  const quiet = await Server.start({ env: { LOG_LEVEL: 'warn' }, bare: true });
  await quiet.call('GET', '/v1/jobs');
  expect(quiet.output).toBe('');
});

test('no token and no secret is ever written, whatever is asked and however it fails', async () => {
  const secrets = {
    TICK_SECRET: 'the-secret-of-ticks',
    WEBHOOK_SECRET: `whsec_${Buffer.from('a-key-of-webhooks-that-is-long').toString('base64')}`,
    EMAIL_URL: 'smtp://postman:pass-of-mail@127.0.0.1:1',
  };
  const server = await Server.start({ env: { ...secrets, LOG_LEVEL: 'debug' }, bare: true });
  const user = (await server.call('POST', '/v1/users', { name: 'ada', role: 'user' })).json;
  const wrong = '0b5e55ed-0000-4000-8000-00000000cafe';
  await server.call('GET', '/v1/jobs', undefined, { token: user.token });
  await server.call('GET', '/v1/users', undefined, { token: user.token });
  await server.call('GET', `/v1/jobs?x-user-auth=${user.token}`, undefined, { token: wrong });
  await server.call('POST', '/v1/jobs', `{"token":"${user.token}"`, {
    headers: { 'idempotency-key': 'x'.repeat(300) },
  });
  for (const secret of ['a-wrong-secret', secrets.TICK_SECRET])
    await server.call('POST', '/v1/ticks/coordinate', undefined, { headers: { 'x-tick-secret': secret } });
  const mail = await server.schedule('sendEmail', { to: 'a@example.com', subject: 's', text: 't' }, { max_retries: 0 });
  const hook = await server.schedule('webhook', { url: `http://127.0.0.1:${await freePort()}/` }, { max_retries: 0 });
  const jobs = await Promise.all([mail, hook].map(({ id }) => server.until(id, ['dlq'])));
  const logs = await server.call('GET', '/v1/logs?limit=100');
  await server.stop();
  const written = server.output + JSON.stringify(jobs) + JSON.stringify(logs.json);
  for (const secret of [ADMIN, user.token, wrong, 'a-wrong-secret', 'pass-of-mail', ...Object.values(secrets)])
    expect(written).not.toContain(secret);
  expect(written).toContain('sendEmail');
});

// biome-ignore lint/suspicious/noExplicitAny: log lines hold what they hold
function sumOf(lines: Record<string, any>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const line of lines)
    for (const [name, n] of Object.entries(line)) if (typeof n === 'number') sum[name] = (sum[name] ?? 0) + n;
  return sum;
}
