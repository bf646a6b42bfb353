import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { root } from '../support/build.ts';
import { cleanUp, freePort, Server, tempFolder } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

// Every command is a process of its own, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: Server;
let folder: string;
beforeAll(async () => {
  server = await Server.start({ script: 'dev', bare: true, env: { MAX_DLQ_REDRIVES: '0', EMAIL_URL: '' } });
  folder = tempFolder();
});
afterAll(cleanUp);

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Types a command; what it said. */
function escapement(args: string[], { input, env = {} }: { input?: string; env?: object } = {}): Promise<Said> {
  return new Promise((resolve) => {
    const given = { ...process.env, ESCAPEMENT_URL: server.url, ESCAPEMENT_TOKEN: ADMIN, ...env };
    const file = join(root, 'emulator/escapement.mjs');
    const child = execFile(process.execPath, [file, ...args], { env: given }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
    child.stdin?.end(input ?? '');
  });
}

const json = async (args: string[]) => {
  const said = await escapement([...args, '--json']);
  expect(said.stderr).toBe('');
  return JSON.parse(said.stdout);
};

test('a job is added, waited for, listed, counted and found in the log', async () => {
  const added = await escapement(['jobs', 'add', 'sleep', '{ "ms": 20 }', '--priority', '3', '--key', 'one']);
  expect(added).toMatchObject({ code: 0, stderr: '' });
  const id = added.stdout.trim();
  expect(await json(['jobs', 'get', id, '--wait'])).toMatchObject({ id, status: 'done', priority: 3 });
  // Elsewhere than on a terminal a line holds cells between tabs, and no colour.
  expect((await escapement(['jobs', 'list', '--type', 'sleep'])).stdout).toMatch(
    new RegExp(`^${id}\tsleep\tdone\t0\t\\S+Z\t\n`),
  );
  expect((await json(['jobs', 'list', '--status', 'done'])).items).toMatchObject([{ id }]);
  expect((await escapement(['report'])).stdout).toContain('done\tsleep\t1\n');
  expect((await json(['report'])).totals.done).toBe(1);
  expect((await json(['logs', '--job', id])).map(({ event }: { event: string }) => event)).toEqual([
    ...['scheduled', 'claimed', 'done'],
  ]);
});

test('a payload comes from a file or from standard input, too', async () => {
  const file = join(folder, 'payload.json');
  writeFileSync(file, '{ "ms": 1 }');
  expect(await json(['jobs', 'add', 'sleep', `@${file}`, '--delay', '1h30m'])).toMatchObject({ payload: { ms: 1 } });
  const said = await escapement(['jobs', 'add', 'sleep', '-', '--json'], { input: '{ "ms": 2 }' });
  expect(JSON.parse(said.stdout)).toMatchObject({ payload: { ms: 2 } });
});

test('jobs are cancelled, and redriven with a reason', async () => {
  const waiting = await json(['jobs', 'add', 'sleep', '{ "ms": 1 }', '--delay', '1d']);
  expect(await json(['jobs', 'cancel', waiting.id])).toMatchObject({ status: 'cancelled' });
  const refused = await json(['jobs', 'add', 'webhook', `{ "url": "${server.url}/v1/nothing" }`, '--max-retries', '0']);
  const buried = await escapement(['jobs', 'get', refused.id, '--wait']);
  expect([buried.code, buried.stdout]).toEqual([1, expect.stringMatching(/^status +dlq$/m)]);
  expect(await json(['jobs', 'redrive', refused.id, '--reason', 'again'])).toMatchObject({ status: 'pending' });
});

test('users are added, listed and disabled', async () => {
  const ada = await json(['users', 'add', 'ada']);
  expect((await json(['users', 'list'])).items).toMatchObject([{ id: ada.id, role: 'user' }]);
  expect((await escapement(['users', 'list', '--token', ada.token])).code).toBe(4);
  expect((await json(['users', 'disable', ada.id])).disabled_at).toMatch(/Z$/);
});

test('a bin, a fault, the ticks, the mailbox and the requests are in reach of the command line', async () => {
  const url = (await escapement(['bins', 'set', 'shop', '--status', '503', '--retry-after', '1h'])).stdout.trim();
  expect(url).toBe(`${server.url}/__emulator/bin/shop`);
  const hook = (await json(['jobs', 'add', 'webhook', JSON.stringify({ url }), '--max-retries', '0'])).id;
  expect(await json(['jobs', 'get', hook, '--wait-for', 'dlq'])).toMatchObject({
    error: expect.stringContaining('503'),
  });
  expect((await escapement(['bins', 'show', 'shop'])).stdout).toMatch(/\tPOST\t\/__emulator\/bin\/shop\t/);
  expect((await escapement(['bins', 'list'])).stdout).toBe(`shop\t${url}\t503\t0\t1\n`);

  expect((await escapement(['faults', 'fail', 'sleep', '--times', '2', '--error', 'no'])).stdout).toBe(
    'fail\tsleep\t2\tno\n',
  );
  expect((await json(['faults', 'skew', '5s', '--behind'])).items).toContainEqual({ kind: 'skew', ms: -5000 });
  expect(await json(['faults', 'clear'])).toEqual({ items: [] });
  expect(await json(['crons', 'off'])).toMatchObject({ crons: false, claiming: true });
  expect(await json(['tick', 'coordinate'])).toMatchObject({ retried: 0 });
  expect(await json(['crons', 'on'])).toMatchObject({ crons: true });
  expect((await escapement(['claiming', 'perhaps'])).code).toBe(2);

  const mail = (await json(['jobs', 'add', 'sendEmail', '{ "to": "a@example.com", "subject": "Hi", "text": "Ho" }']))
    .id;
  await json(['jobs', 'get', mail, '--wait']);
  const [id] = (await escapement(['mailbox', 'list'])).stdout.split('\t');
  expect(await json(['mailbox', 'show', id as string])).toMatchObject({
    subject: 'Hi',
    text: expect.stringMatching(/^Ho/),
  });
  const [kept] = (await json(['requests', 'list'])).items.filter(({ method }: { method: string }) => method === 'POST');
  const again = ['requests', 'replay', kept.id, '--body', '{ "task_type": "sleep", "payload": { "ms": 1 } }'];
  expect(await json(again)).toMatchObject({ status: 201, body: { task_type: 'sleep' } });
});

test('the log is followed, a JSON object a line, until somebody has seen enough', async () => {
  const env = { ...process.env, ESCAPEMENT_URL: server.url, ESCAPEMENT_TOKEN: ADMIN };
  const args = [join(root, 'emulator/escapement.mjs'), 'logs', '--follow', '--event', 'scheduled', '--json'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  const { id } = await server.schedule('sleep', { ms: 0 });
  for (let line = ''; !line.includes(id); ) line = (await lines.next()).value as string;
  child.kill();
});

test('waiting for a status ends with it, or with the end of the job', async () => {
  const { id } = await json(['jobs', 'add', 'sleep', '{ "ms": 0 }']);
  expect((await escapement(['jobs', 'get', id, '--wait-for', 'failed'])).code).toBe(1);
  expect((await escapement(['jobs', 'get', id, '--wait-for', 'done'])).code).toBe(0);
  expect((await escapement(['jobs', 'get', id, '--wait-for', 'ended'])).code).toBe(2);
});

test('a system without the emulator says how to start one that has it; its rate limit is waited for', async () => {
  const plain = await Server.start({ env: { RL_CAPACITY: '3', RL_WINDOW_MS: '3000' } });
  const said = await escapement(['time', 'show'], { env: { ESCAPEMENT_URL: plain.url } });
  expect(said).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('npm run dev') });
  const env = { ESCAPEMENT_URL: plain.url };
  const { stdout } = await escapement(['jobs', 'add', 'sleep', '{ "ms": 0 }', '--delay', '3s'], { env });
  const [waited, report] = await Promise.all([
    escapement(['jobs', 'get', stdout.trim(), '--wait'], { env }),
    escapement(['jobs', 'get', stdout.trim(), '--wait-for', 'done'], { env }),
  ]);
  expect([waited.code, waited.stderr, report.code]).toEqual([0, '', 0]);
  await plain.stop();
});

test('exit codes tell what went wrong, and standard error says it in one line', async () => {
  const code = async (args: string[], env = {}) => {
    const said = await escapement(args, { env });
    expect(said.stdout).toBe('');
    expect(said.stderr.trim().split('\n')).toHaveLength(1);
    return said.code;
  };
  const nobody = '01a20f7e-72bc-7ea9-abc7-391b7f9fd96a';
  expect(await code(['report'], { ESCAPEMENT_URL: `http://127.0.0.1:${await freePort()}` })).toBe(1);
  expect(await code(['jobs', 'frob'])).toBe(2);
  expect(await code(['jobs', 'add', 'sleep', '{ no json'])).toBe(2);
  expect(await code(['time', 'jump', 'soon'])).toBe(2);
  expect(await code(['jobs', 'get', nobody])).toBe(3);
  expect(await code(['jobs', 'get', nobody], { ESCAPEMENT_TOKEN: 'nobody-at-all' })).toBe(4);
  expect(await code(['jobs', 'add', 'sleep', '{ "ms": -1 }'])).toBe(4);
});

test('help has examples, and names the exit codes', async () => {
  for (const args of [['jobs', 'add'], ['jobs', 'list'], ['logs'], ['time'], ['state'], ['bins'], ['faults'], ['exec']])
    expect((await escapement([...args, '--help'])).stdout).toMatch(/Examples:\n {2}\$ escapement /);
  expect(await escapement(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes: 0') });
});

test('the clock is frozen, moved and let go, and what comes next is listed', async () => {
  expect(await json(['time', 'freeze'])).toMatchObject({ frozen: true });
  const { id } = await json(['jobs', 'add', 'sleep', '{ "ms": 0 }', '--delay', '2h']);
  expect((await escapement(['time', 'agenda'])).stdout).toMatch(new RegExp(`\tdue\tsleep ${id} is due\\.\n`));
  const before = (await json(['time', 'show'])).now;
  const { now } = await json(['time', 'jump', '+2h']);
  expect(Date.parse(now) - Date.parse(before)).toBe(7_200_000);
  expect(await json(['jobs', 'get', id, '--wait'])).toMatchObject({ status: 'done' });
  expect(await json(['time', 'resume'])).toMatchObject({ frozen: false });
});

test('a state is exported to a new file for its owner alone, and imported', async () => {
  const file = join(folder, 'state.db');
  expect(await json(['state', 'export', file])).toEqual({ file });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const bytes = readFileSync(file);
  expect((await escapement(['state', 'export', file])).code).toBe(4);
  expect(readFileSync(file).equals(bytes)).toBe(true);
  await json(['state', 'reset']);
  expect((await json(['jobs', 'list'])).items).toEqual([]);
  await json(['state', 'import', file]);
  expect((await json(['jobs', 'list', '--status', 'done'])).items.length).toBeGreaterThan(1);
  expect((await escapement(['state', 'import', join(root, 'package.json')])).code).toBe(4);
  expect((await escapement(['state', 'import', join(folder, 'nothing.db')])).code).toBe(2);
});

test('exec runs a command against a system of its own, and passes on how it ended', async () => {
  const script = `
    const answer = await fetch(process.env.ESCAPEMENT_URL + '/v1/jobs/report', { headers: { 'x-user-auth': process.env.ESCAPEMENT_TOKEN } });
    const { now } = await (await fetch(process.env.ESCAPEMENT_URL + '/__emulator/state')).json();
    console.log(answer.status, (await answer.json()).totals.done, now.length, process.env.ESCAPEMENT_URL !== '${server.url}');
    process.exit(7);`;
  const env = { DB_PATH: join(folder, 'never.db') };
  const said = await escapement(['exec', '--', process.execPath, '--input-type=module', '-e', script], { env });
  expect(said).toEqual({ code: 7, stdout: '200 0 24 true\n', stderr: '' });
  expect(existsSync(env.DB_PATH)).toBe(false);
  expect((await escapement(['exec', '--', join(folder, 'nothing')])).code).toBe(2);
});
