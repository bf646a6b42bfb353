import { readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { envOf } from '../../emulator/deploy/lambda-env.ts';
import { endpoints } from '../../functions/index.ts';
import { leaks } from '../support/canaries.ts';
import { HranaServer } from '../support/hrana.ts';
import { Mailbox, Refusal } from '../support/mailbox.ts';
import { Receiver } from '../support/receiver.ts';
import { cleanUp, freePort, Server, tempFolder } from '../support/server.ts';

const closing: { close(): unknown }[] = [];
afterEach(async () => {
  await cleanUp();
  for (const one of closing.splice(0)) await one.close();
});
const opened = <One extends { close(): unknown }>(one: One): One => {
  closing.push(one);
  return one;
};

const secrets = {
  BOOTSTRAP_ADMIN_TOKEN: 'canary-of-the-bootstrap-admin',
  TICK_SECRET: 'canary-of-the-ticks',
  WEBHOOK_SECRET: `whsec_${Buffer.from('canary-of-webhooks-32-bytes-long').toString('base64')}`,
  LIBSQL_AUTH_TOKEN: 'canary-of-libsql',
};
const mailUser = 'canary-postman@clock';
const mailPassword = 'canary:of/the mail@server';
const mailUrl = (port: number) =>
  `smtp://${encodeURIComponent(mailUser)}:${encodeURIComponent(mailPassword)}@127.0.0.1:${port}`;

test('a secret is found wherever it stands, in plain or in another spelling, and nowhere else', () => {
  const canary = { it: 'a "canary" of/words: ä' };
  const found = (text: string) => leaks(canary, { text }).length > 0;
  const { it } = canary;
  for (const text of [it, `<${it}>`, JSON.stringify({ a: [it] }), `?token=${encodeURIComponent(it)}`])
    expect([text, found(text)]).toEqual([text, true]);
  for (const before of ['', 'x', 'xy', 'xyz', '\0user\0'])
    for (const after of ['', 'z', 'zz']) expect(found(Buffer.from(before + it + after).toString('base64'))).toBe(true);
  expect(found(Buffer.from(it).toString('hex'))).toBe(true);
  for (const text of ['', 'a canary', Buffer.from('another text').toString('base64')]) expect(found(text)).toBe(false);
});

/** A mail server that is asked for a login, and quotes what it was told in its refusal, as some do. */
function talkative(): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).write('220 hello\r\n');
    socket.on('data', (data) => {
      const line = String(data).trim();
      if (line.startsWith('EHLO')) socket.write('250-hello\r\n250 AUTH PLAIN LOGIN\r\n');
      else socket.write(`535 5.7.8 what do you mean by ${line}, ${mailUser} with ${mailPassword}?\r\n`);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(opened(server))));
}

test('through successes and failures no secret reaches an answer, a job, the log, the database or the terminal', async () => {
  const answers: string[] = [];
  const receiver = opened(await Receiver.start());
  const guarded = opened(
    await Mailbox.start({
      ...{ authOptional: false, allowInsecureAuth: true },
      onAuth: ({ username }, _, callback) =>
        username === mailUser ? callback(null, { user: username }) : callback(new Refusal(535, 'no')),
    }),
  );
  const shut = await talkative();
  const env = { ...secrets, LOG_LEVEL: 'debug', BACKOFF_BASE_MS: '5', BACKOFF_MAX_MS: '20' };
  const urls = [mailUrl(guarded.port), mailUrl(await freePort()), mailUrl((shut.address() as AddressInfo).port)];
  const folder = tempFolder();
  const outputs: Record<string, string> = {};
  const tokens: Record<string, string> = {};

  for (const [i, EMAIL_URL] of [...urls, 'smtp://canary-postman%40clock:canary%3Aof%2Fthe@[bad'].entries()) {
    const server = await Server.start({ folder, bare: true, env: { ...env, EMAIL_URL } });
    const admin = { token: secrets.BOOTSTRAP_ADMIN_TOKEN };
    const ask = async (...request: Parameters<Server['call']>) => {
      const answer = await server.call(...request);
      answers.push(JSON.stringify([answer.status, [...answer.headers], answer.json]));
      return answer;
    };
    // Where a token is made it may be seen: these two answers are not kept.
    const user = (await server.call('POST', '/v1/users', { name: `user ${i}`, role: 'user' }, admin)).json;
    tokens[`the first token ${i}`] = user.token;
    const { token } = (await server.call('POST', `/v1/users/${user.id}/rotate`, undefined, admin)).json;
    tokens[`the second token ${i}`] = token;
    const wrong = { token: `${secrets.TICK_SECRET}-in-the-wrong-place` };
    for (const one of [{ token }, { token: user.token }, admin, wrong]) {
      for (const path of ['/v1/jobs', '/v1/users', '/v1/logs', `/v1/jobs?x-user-auth=${one.token}`, '/v1/nowhere'])
        await ask('GET', path, undefined, one);
      await ask('POST', '/v1/jobs', `{"token":"${one.token}"`, one);
      await ask('POST', '/v1/jobs', { task_type: 'sleep', payload: {}, token: one.token }, one);
      for (const name of ['process-batch', 'coordinate', 'none'])
        await ask('POST', `/v1/ticks/${name}`, undefined, { token: null, headers: { 'x-tick-secret': one.token } });
    }
    for (const name of ['process-batch', 'coordinate'])
      await ask('POST', `/v1/ticks/${name}`, undefined, {
        ...{ token: null, headers: { 'x-tick-secret': secrets.TICK_SECRET } },
      });
    const mail = { to: 'ada@example.com', subject: 's', text: 'harmless-canary' };
    const away = `http://127.0.0.1:${await freePort()}/`;
    receiver.reply = (response) => response.writeHead([200, 404, 503, 302][i] as number).end('ok');
    const jobs: [string, object][] = [
      ['sendEmail', mail],
      ...[receiver.url, away, 'http://nobody.invalid/'].map((url): [string, object] => ['webhook', { url, body: {} }]),
      ['transform', { input: {}, expression: "abs('x')" }],
    ];
    for (const [task_type, payload] of jobs) {
      const { json } = await ask('POST', '/v1/jobs', { task_type, payload, max_retries: 1 }, { token });
      const end = Date.now() + 20_000;
      for (let status = ''; !['done', 'dlq'].includes(status); ) {
        ({ status } = (await server.call('GET', `/v1/jobs/${json.id}`, undefined, { token })).json);
        if (Date.now() > end) throw new Error(`${task_type} is ${status}: ${server.output.slice(-2000)}`);
      }
      const seen = await ask('GET', `/v1/jobs/${json.id}`, undefined, { token });
      // So that each of them went the way it was meant to go.
      if (task_type === 'sendEmail') expect([i, seen.json.status]).toEqual([i, i === 0 ? 'done' : 'dlq']);
    }
    for (const url of ['http://canary-user:canary-pass@example.com/', 'https://:canary-pass@example.com/'])
      await ask('POST', '/v1/jobs', { task_type: 'webhook', payload: { url } }, { token });
    await ask('GET', '/v1/logs?limit=100', undefined, admin);
    await ask('GET', '/v1/jobs/report', undefined, admin);
    // A fault of the database, whose cause is logged.
    const db = new Sqlite(server.file);
    db.exec('ALTER TABLE jobs RENAME TO elsewhere');
    expect((await ask('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 1 } }, admin)).status).toBe(503);
    db.exec('ALTER TABLE elsewhere RENAME TO jobs');
    db.close();
    await server.stop();
    outputs[`output ${i}`] = server.output;
    expect(server.output).toContain('no such table: jobs');
  }

  const db = new Sqlite(join(folder, 'jobs.db'), { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all() as string[];
  const rows = tables.map((name) => [`table ${name}`, JSON.stringify(db.prepare(`SELECT * FROM "${name}"`).all())]);
  db.close();
  const file = readFileSync(join(folder, 'jobs.db')).toString('latin1');
  const places = { ...Object.fromEntries(rows), ...outputs, answers: answers.join('\n'), file };
  const mailSecrets = { mailUser, mailPassword, login: `\0${mailUser}\0${mailPassword}`, urlPassword: 'canary-pass' };
  expect(leaks({ ...secrets, ...mailSecrets, ...tokens }, places)).toEqual([]);
  // What is no secret is found in each of them: they were looked at, and had something to show.
  expect(leaks({ harmless: 'harmless-canary' }, places)).toEqual([
    ...['harmless: table jobs', 'harmless: answers', 'harmless: file'],
  ]);
  expect(leaks({ harmless: 'what do you mean by' }, places)).toEqual(
    expect.arrayContaining(['harmless: table jobs', 'harmless: table logs', 'harmless: answers']),
  );
  expect(leaks({ harmless: '/v1/nowhere' }, places)).toEqual(
    expect.arrayContaining(Object.keys(outputs).map((name) => `harmless: ${name}`)),
  );
});

test.each([
  ['BOOTSTRAP_ADMIN_TOKEN', 'canary with spaces ☃'],
  ['TICK_SECRET', 'canary ☃ of ticks'],
  ['WEBHOOK_SECRET', 'canary-without-whsec'],
  ['EMAIL_URL', 'http://postman:canary-password@mail.example'],
])('a bad %s stops the start, and is not shown', async (name, canary) => {
  const server = await Server.run({ bare: true, env: { [name]: canary } });
  expect(await server.exited).toBe(1);
  expect(server.output).toContain(`${name} is a text of ${canary.length} characters`);
  expect(leaks({ canary, part: 'canary' }, { output: server.output })).toEqual([]);
});

test('what goes wrong with a remote database does not show its token', async () => {
  const hrana = opened(await HranaServer.start(join(tempFolder(), 'jobs.db'), 'the-right-token'));
  const away = `http://127.0.0.1:${await freePort()}`;
  const canary = 'canary-of-libsql';
  const written: string[] = [];
  for (const url of [
    hrana.url,
    away,
    `${away}?authToken=${canary}`,
    `http://${canary}:${canary}@127.0.0.1:1`,
    `canary://${canary}`,
  ]) {
    const env = { ...envOf({ LIBSQL_URL: url, LIBSQL_AUTH_TOKEN: canary }), SOURCES: undefined };
    env.LOG = (...line) => written.push(JSON.stringify(line));
    for (const { fetch, method, path } of endpoints.filter(({ method }) => method === 'GET').slice(0, 2)) {
      const headers = { 'x-user-auth': 'somebody' };
      const answer = await fetch(new Request(`http://test${path}`, { method, headers }), env as never);
      expect(answer.status).toBeGreaterThanOrEqual(500);
      written.push(await answer.text());
    }
    const args = ['--libsql', url];
    const run = await Server.run({ script: 'migrate', bare: true, args, env: { LIBSQL_AUTH_TOKEN: canary } });
    expect(await run.exited).toBe(1);
    written.push(run.output);
  }
  expect(leaks({ canary }, Object.fromEntries(written.map((text) => [text, text])))).toEqual([]);
});
