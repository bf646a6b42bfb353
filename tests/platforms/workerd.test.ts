import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { blocksOf, readText, section } from '../support/markdown.ts';
import { copyProject } from '../support/project.ts';
import { cleanUp, freePort, type Options, pause, Server, tempFolder } from '../support/server.ts';
import { checkout, close, printed, type, typeAlong } from '../support/session.ts';

afterEach(cleanUp);

const args = ['--runtime', 'workerd'];
const start = (options: Options = {}) => Server.start({ bare: true, args, ...options });

/** The SQLite file that D1 keeps under a folder. */
function d1File(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return join(folder, files.find((name) => name.endsWith('.sqlite') && !name.includes('metadata')) as string);
}

function inDatabase<Value>(server: Server, read: (db: Sqlite.Database) => Value): Value {
  const db = new Sqlite(d1File(join(server.folder, 'workerd')), { readonly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

const found = (server: Server): string[] => inDatabase(server, breaches);

/** The processes of a group or with this parent, by /proc: what is left after a stop. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

test("in workerd the README's first session works word for word", async () => {
  const readme = readText('README.md');
  const [command = '', ...blocks] = blocksOf(section(readme, '## A first session'), 'sh');
  const folder = checkout();
  const [port, receiver] = [String(await freePort()), String(await freePort())];
  const server = type(`${command.trim()} -- ${args.join(' ')}`, folder, { PORT: port });
  try {
    const token = (await printed(server, /^admin token: ([0-9a-f-]{36})$/m))[1] as string;
    await printed(server, /listening/);
    const typed = blocks.map((block) =>
      block
        .replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`)
        .replaceAll('8001', receiver)
        .replace('the-admin-token', token),
    );
    const said = (await typeAlong(typed, folder)).join('\n');
    expect(said).toContain('"result":["Ada"]');
    expect(said).toContain('The receiver answered 500: out of order');
    expect(said.match(/^POST \/hook .*$/gm)).toHaveLength(4);
    expect(said).toContain('{"items":[],"next_cursor":null}');
  } finally {
    await close(server);
  }
  expect(server.output.match(/admin token/g)).toHaveLength(1);
  expect(server.output).toMatch(/"method":"POST","path":"\/v1\/jobs","status":201/);
  expect(server.output).toMatch(/"tick":"process-batch","claimed":1,"done":1/);
  const db = new Sqlite(d1File(join(folder, 'data/workerd')), { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
});

test('in workerd a job that is due later starts by the cron, at its time, and jobs outlive a restart', async () => {
  const server = await start();
  const { id } = await server.schedule('sleep', { ms: 0 }, { delay_ms: 2500 });
  const { started_at, run_at } = await server.until(id, ['done']);
  expect(Date.parse(started_at)).toBeGreaterThanOrEqual(Date.parse(run_at));
  const later = await server.schedule('sleep', { ms: 0 }, { delay_ms: 6000 });
  expect(await server.stop()).toBe(0);
  expect(statSync(join(server.folder, 'workerd')).mode & 0o777).toBe(0o700);

  const next = await start({ folder: server.folder });
  expect((await next.call('GET', `/v1/jobs/${id}`)).json.status).toBe('done');
  expect(await next.until(later.id, ['done'])).toMatchObject({ lease_epoch: 1 });
  expect(await next.stop()).toBe(0);
  expect(found(next)).toEqual([]);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  'in workerd, on %s for the whole group, handlers that run get time to end and the rest goes back at no charge',
  async (signal) => {
    const mark = `STOPPED_BY=${signal}-${process.pid}`;
    const server = await start({ env: { STOPPED_BY: `${signal}-${process.pid}` } });
    const [short, long] = [
      await server.schedule('sleep', { ms: 2500 }),
      await server.schedule('sleep', { ms: 60_000 }),
    ];
    for (const { id } of [short, long]) await server.until(id, ['running']);
    expect(processesWith(mark).length).toBeGreaterThan(1);
    expect(await server.stop(signal)).toBe(0);
    expect(server.stderr).toBe('');
    expect(server.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    const rows = inDatabase(server, (db) =>
      db.prepare('SELECT status, retries, interruptions, lease_epoch FROM jobs ORDER BY seq').all(),
    );
    const uncharged = { retries: 0, interruptions: 0, lease_epoch: 1 };
    expect(rows).toEqual([
      { status: 'done', ...uncharged },
      { status: 'pending', ...uncharged },
    ]);
    expect(found(server)).toEqual([]);
    expect(processesWith(mark)).toEqual([]);
  },
);

test('in workerd nothing is left behind when the process is killed, and its jobs are run again', async () => {
  const env = { KILLED: `yes-${process.pid}`, LEASE_MS: '1500' };
  const server = await start({ env });
  const { id } = await server.schedule('sleep', { ms: 4000 });
  await server.until(id, ['running']);
  process.kill(server.child.pid as number, 'SIGKILL');
  await server.exited;
  for (let i = 0; processesWith(`KILLED=yes-${process.pid}`).length > 0; i++) {
    expect(i).toBeLessThan(100);
    await pause(50);
  }
  const next = await start({ folder: server.folder, env });
  expect(await next.until(id, ['done'])).toMatchObject({ interruptions: 1, lease_epoch: 2, retries: 0 });
  expect(await next.stop()).toBe(0);
  expect(found(next)).toEqual([]);
});

test('in workerd webhooks are guarded as in Node: private addresses are refused for good, other faults are retried', async () => {
  const server = await start({
    env: { WEBHOOK_ALLOW_PRIVATE: 'false', MAX_DLQ_REDRIVES: '0', BACKOFF_MAX_MS: '60000', BACKOFF_BASE_MS: '60000' },
  });
  const refused = await server.schedule('webhook', { url: 'http://127.0.0.1:9/' });
  const { error, retries } = await server.until(refused.id, ['dlq']);
  expect([error, retries]).toEqual([expect.stringContaining('is not a public address'), 1]);
  const unknown = await server.schedule('webhook', { url: 'http://nothing.invalid/' });
  expect((await server.until(unknown.id, ['failed'])).error).toMatch(/could not be reached: .*nothing\.invalid/);
});

test('in workerd the first admin is made as in Node, bad requests are refused alike, and strangers have their own bucket', async () => {
  const server = await start({
    env: { BOOTSTRAP_ADMIN_TOKEN: '', TICK_SECRET: '', RL_CAPACITY: '3', RL_WINDOW_MS: '600000' },
  });
  const token = /^admin token: (\S+)$/m.exec(server.stdout)?.[1] ?? '';
  expect((await server.call('GET', '/v1/users', undefined, { token })).json.items).toHaveLength(1);
  expect((await server.call('GET', '/v1/nothing', undefined, { token })).status).toBe(404);
  const spoof = (n: number) => ({ token: null, headers: { 'cf-connecting-ip': `192.0.2.${n}` } });
  const statuses: number[] = [];
  for (let n = 0; n < 4; n++) statuses.push((await server.call('GET', '/v1/jobs', undefined, spoof(n))).status);
  expect(statuses).toEqual([401, 401, 401, 429]);
  expect((await server.call('POST', '/v1/ticks/coordinate', undefined, { ...spoof(1) })).status).toBe(429);
});

test('in workerd dev takes a changed source into use', async () => {
  const project = copyProject();
  const server = await start({ script: 'dev', project });
  const path = join(project, 'core/tasks/sleep.ts');
  const source = readFileSync(path, 'utf8');
  const changed = source.replace('return { slept_ms: ms }', "return { slept_ms: ms, said: 'new' }");
  expect(changed).not.toBe(source);
  writeFileSync(path, changed);
  for (let i = 0; ; i++) {
    expect(i, server.output).toBeLessThan(200);
    const { id } = await server.schedule('sleep', { ms: 0 });
    if ((await server.until(id, ['done'])).result.said === 'new') break;
    await pause(100);
  }
  expect(await server.stop()).toBe(0);
});

test('a runtime that is unknown, that runs no parts, or that is not installed stops the start with one line', async () => {
  const unknown = await Server.run({ bare: true, args: ['--runtime', 'bun'] });
  expect(unknown.stderr).toBe('--runtime is bun; it may be node or workerd.\n');
  const part = await Server.run({ bare: true, script: 'start:api', args });
  expect(part.stderr).toBe('--only is for the runtime node; workerd runs all parts.\n');

  const folder = tempFolder();
  const hook = `export const resolve = (name, context, next) => {
    if (name === 'miniflare') throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(name, context);
  };`;
  writeFileSync(join(folder, 'hook.mjs'), hook);
  writeFileSync(
    join(folder, 'register.mjs'),
    `import { register } from 'node:module'; register('./hook.mjs', import.meta.url);`,
  );
  const missing = await Server.run({
    bare: true,
    args,
    folder,
    env: { NODE_OPTIONS: `--import=${join(folder, 'register.mjs')}` },
  });
  expect(missing.stderr).toBe(
    'The runtime workerd needs the package miniflare, which is not installed: npm install miniflare\n',
  );
  for (const one of [unknown, part, missing]) expect([await one.exited, one.stdout]).toEqual([1, '']);
  expect(readdirSync(folder).sort()).toEqual(['hook.mjs', 'register.mjs']);
});

test('in workerd a database that lacks migrations, or that a newer version has migrated, stops the start with one line', async () => {
  const bare = await Server.run({ bare: true, args, env: { MIGRATE_ON_START: 'false' } });
  expect(bare.stderr).toMatch(
    /^The database in .*workerd lacks the migrations 0001_\S+.*; set MIGRATE_ON_START=true\.\n$/,
  );
  const server = await start();
  expect(await server.stop()).toBe(0);
  const db = new Sqlite(d1File(join(server.folder, 'workerd')));
  db.prepare("INSERT INTO migrations (name) VALUES ('9999_later.sql')").run();
  db.close();
  const newer = await Server.run({ bare: true, args, folder: server.folder });
  expect(newer.stderr).toBe(
    'The database was made by a newer version (it has 9999_later.sql, unknown here); nothing was changed.\n',
  );
  expect([await bare.exited, await newer.exited]).toEqual([1, 1]);
});

test('in workerd a port that is taken stops the start with one line', async () => {
  const server = await start();
  const second = await Server.run({ bare: true, args, port: Number(new URL(server.url).port) });
  expect([await second.exited, second.stderr]).toEqual([
    1,
    expect.stringMatching(/^PORT is \d+, which another program/),
  ]);
});
