import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

afterEach(cleanUp);

const noToken = { BOOTSTRAP_ADMIN_TOKEN: '' };
const adminToken = /^admin token: ([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/gm;

test('processes that start at once on a fresh file all come up, apply the schema once and make one admin', async () => {
  const folder = tempFolder();
  const scripts = ['start', 'start', 'start:api', 'start:processor', 'start:coordinator'];
  const processes = await Promise.all(
    scripts.map((script) => Server.start({ script, folder, env: noToken, bare: true })),
  );
  const output = processes.map(({ stdout }) => stdout).join('');
  const migrated = processes.flatMap(({ lines }) => lines).filter(({ msg }) => msg === 'migrated');
  expect(migrated.map(({ applied }) => applied)).toEqual([expect.arrayContaining(['0001_initial.sql'])]);
  const tokens = [...output.matchAll(adminToken)].map(([, token]) => token as string);
  expect(tokens).toHaveLength(1);
  expect(output.match(/admin token/g)).toHaveLength(1);
  for (const server of processes.slice(0, 3)) {
    const users = await server.call('GET', '/v1/users', undefined, { token: tokens[0] as string });
    expect(users).toMatchObject({ status: 200, json: { items: [{ role: 'admin', disabled_at: null }] } });
  }
  for (const server of processes) {
    expect(await server.stop()).toBe(0);
    expect(server.stderr).toBe('');
    expect(server.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  }

  const again = await Server.start({ folder, env: noToken, bare: true });
  expect(again.stdout).not.toMatch(/admin token|migrated/);
  const jobs = await again.call('GET', '/v1/jobs', undefined, { token: tokens[0] as string });
  expect(jobs.status).toBe(200);
});

test('the admin token is printed even where nothing else is, and not where there is a bootstrap token', async () => {
  const silent = await Server.start({ env: { ...noToken, LOG_LEVEL: 'silent' }, bare: true });
  expect(silent.stdout).toMatch(adminToken);
  expect(silent.stdout.trim().split('\n')).toHaveLength(1);
  const given = await Server.start({ bare: true });
  expect(given.output).not.toContain('admin token');
});

test('npm run migrate applies the schema and exits; a start that must not migrate works after it, not before', async () => {
  const folder = tempFolder();
  const env = { MIGRATE_ON_START: 'false' };
  const early = await Server.run({ folder, env, bare: true });
  expect(await early.exited).toBe(1);
  expect(early.stderr).toMatch(/^\S+jobs\.db lacks the migrations 0001_initial\.sql.*MIGRATE_ON_START=true\.\n$/);

  const first = await Server.run({ script: 'migrate', folder });
  expect([await first.exited, first.output]).toEqual([0, expect.stringMatching(/^applied 0001_initial\.sql.*\n$/)]);
  const second = await Server.run({ script: 'migrate', folder });
  expect([await second.exited, second.output]).toEqual([0, 'nothing to apply\n']);
  const server = await Server.start({ folder, env, bare: true });
  const { id } = await server.schedule('sleep', { ms: 0 });
  await server.until(id, ['done']);
});

test('settings come from .env in the working directory, the environment goes first, and a new data folder is private', async () => {
  const cwd = tempFolder();
  const lines = ['TICK_SECRET=from-the-file', 'RL_CAPACITY=7', 'PORT=1', 'DB_PATH=./some/data/jobs.db'];
  writeFileSync(join(cwd, '.env'), `# what this system is told\n${lines.join('\n')}\n`);
  const env = { TICK_SECRET: undefined, DB_PATH: undefined, RL_CAPACITY: '9' };
  const server = await Server.start({ cwd, env, bare: true });
  const tick = (secret: string) =>
    server.call('POST', '/v1/ticks/coordinate', undefined, { headers: { 'x-tick-secret': secret } });
  expect((await tick('from-the-file')).status).toBe(200);
  expect((await tick('tick-secret')).status).toBe(401);
  expect((await server.call('GET', '/v1/jobs')).headers.get('ratelimit-policy')).toContain('q=9;');
  expect(statSync(join(cwd, 'some/data/jobs.db')).isFile()).toBe(true);
  for (const folder of ['some', 'some/data']) expect(statSync(join(cwd, folder)).mode & 0o777).toBe(0o700);
});

test('a data folder that was there before keeps its mode', async () => {
  const folder = join(tempFolder(), 'data');
  mkdirSync(folder, { mode: 0o750 });
  await Server.start({ folder, bare: true });
  expect(statSync(folder).mode & 0o777).toBe(0o750);
});
