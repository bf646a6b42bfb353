import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { damage } from '../support/damage.ts';
import { breaches } from '../support/invariants.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

let folder: string;
let copy: string;
beforeEach(() => {
  folder = tempFolder();
  mkdirSync(join(folder, 'kept'));
  copy = join(folder, 'kept', 'backup.db');
});
afterEach(cleanUp);

const run = (script: string, ...args: string[]) => Server.run({ script, args, folder, bare: true });
const file = () => join(folder, 'jobs.db');
const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
/** Every file under the folder with what is in it. */
const all = () =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => statSync(join(folder, name)).isFile())
    // Locks are kept in it, and nothing that lasts.
    .filter((name) => !name.endsWith('-shm'))
    .map((name) => `${name} ${hash(join(folder, name))}`)
    .sort();
const aside = () => readdirSync(folder).find((name) => name.includes('.aside-')) as string;
const users = (path: string, ...names: string[]) => {
  const db = new Sqlite(path);
  const insert = db.prepare(
    "INSERT INTO users (id, name, role, token_hash, created_at) VALUES (?1, ?1, 'user', ?1, 1)",
  );
  for (const name of names) insert.run({ 1: name });
  const rows = db.prepare('SELECT name FROM users ORDER BY name').pluck().all();
  db.close();
  return rows;
};

/** Exit code 1 and one line, and not a byte anywhere is another one. */
async function refused(before: string[], restore: Server, line: RegExp): Promise<void> {
  expect(restore.stderr.trimEnd()).toMatch(line);
  expect(restore.stderr.match(/\n/g)).toHaveLength(1);
  expect(await restore.exited).toBe(1);
  expect(restore.stdout).toBe('');
  expect(all()).toEqual(before);
}

test('restored jobs go on: what was pending runs, what ran is reclaimed, what was done stays done, nothing else is there', async () => {
  const env = { LEASE_MS: '1500' };
  const first = await Server.start({ folder, env, bare: true });
  const ids: string[] = [];
  const add = async (ms: number, more = {}) => ids.push((await first.schedule('sleep', { ms }, more)).id);
  for (let i = 0; i < 20; i++) await add(0);
  for (const id of ids) await first.until(id, ['done']);
  for (let i = 0; i < 5; i++) await add(4000);
  for (const id of ids.slice(20)) await first.until(id, ['running']);
  for (let i = 0; i < 5; i++) await add(0, { delay_ms: 2000 });
  // Clients go on while the copy is made; those are in it that were scheduled before its moment.
  let stop = false;
  const later: string[] = [];
  const client = (async () => {
    while (!stop) later.push((await first.schedule('sleep', { ms: 0 })).id);
  })();
  expect(await (await run('backup', copy)).exited).toBe(0);
  stop = true;
  await client;
  const inCopy = new Sqlite(copy, { readonly: true });
  const moment = new Map(inCopy.prepare('SELECT id, status FROM jobs').raw().all() as [string, string][]);
  inCopy.close();
  expect(ids.filter((id) => !moment.has(id))).toEqual([]);
  await first.schedule('transform', { input: 1, expression: '@' });
  // Not gently: the database that is put aside has a log beside it.
  first.kill();
  await first.exited;
  expect(existsSync(`${file()}-wal`)).toBe(true);
  const old = ['jobs.db', 'jobs.db-wal'].map((name) => hash(join(folder, name)));

  const restored = await run('restore', copy);
  expect(restored.stderr).toBe('');
  expect(restored.stdout).toMatch(
    /^restored \S+ from \S+: .*\d+ jobs \(.*, 0 users; the files before it are in \S+\.aside-/,
  );
  expect(readdirSync(folder).filter((name) => name !== aside())).toEqual(['jobs.db', 'kept']);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, aside())).mode & 0o777).toBe(0o700);
  // What is put aside is all that was there, to the byte.
  expect(['jobs.db', 'jobs.db-wal'].map((name) => hash(join(folder, aside(), name)))).toEqual(old);

  const second = await Server.start({ folder, env, bare: true });
  for (const id of moment.keys()) {
    const job = await second.until(id, ['done']);
    expect(job).toMatchObject({ retries: 0, interruptions: moment.get(id) === 'running' ? 1 : 0 });
  }
  expect((await second.call('GET', '/v1/jobs/report')).json.totals).toMatchObject({ done: moment.size, pending: 0 });
  const db = new Sqlite(file(), { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
  expect(await second.stop()).toBe(0);
});

test('while any process has the database open a restore is refused, and the process goes on', async () => {
  for (const script of ['start', 'start:processor']) {
    const server = await Server.start({ folder, script, bare: true });
    if (!existsSync(copy)) await run('backup', copy);
    const restore = await run('restore', copy);
    expect(restore.stderr).toMatch(/^\S+jobs\.db is open in another process; stop every one of them first; nothing/);
    expect(restore.stderr.match(/\n/g)).toHaveLength(1);
    expect(await restore.exited).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(['jobs.db', 'jobs.db-shm', 'jobs.db-wal', 'kept']);
    if (script === 'start')
      await server.until((await server.schedule('transform', { input: 1, expression: '@' })).id, ['done']);
    expect(await server.stop()).toBe(0);
  }
  // Somebody who only looks, with a program of their own.
  const shell = new Sqlite(file());
  shell.prepare('SELECT count(*) FROM jobs').get();
  // Hashing the file here would drop the lock: a process gives up all its locks on a file when it closes it once.
  expect((await run('restore', copy)).stderr).toMatch(/is open in another process/);
  expect(users(join(folder, 'jobs.db'), 'ada')).toEqual(['ada']);
  shell.close();
  expect(await (await run('restore', copy)).exited).toBe(0);
});

test('a damaged database is found open, too; once it is not, it is put aside as it is', async () => {
  await run('migrate');
  await run('backup', copy);
  damage(file(), 'jobs');
  const server = await Server.start({ folder, script: 'start:coordinator', bare: true });
  expect((await run('restore', copy)).stderr).toMatch(/is open in another process/);
  server.kill();
  await server.exited;
  const damaged = hash(file());
  expect(await (await run('restore', copy)).exited).toBe(0);
  expect(hash(join(folder, aside(), 'jobs.db'))).toBe(damaged);
  expect(users(file())).toEqual([]);
});

test('a file that is no database any more gives way to a backup, and is kept', async () => {
  await run('migrate');
  await run('backup', copy);
  writeFileSync(file(), 'x'.repeat(100_000));
  expect(await (await run('restore', copy)).exited).toBe(0);
  expect(readFileSync(join(folder, aside(), 'jobs.db'), 'utf8')).toBe('x'.repeat(100_000));
  expect(users(file())).toEqual([]);
});

test('a backup is restored where there is no database yet, into a private folder', async () => {
  await run('migrate');
  await run('backup', copy);
  const fresh = join(folder, 'new', 'place');
  const restore = await Server.run({ script: 'restore', args: [copy], folder: fresh, bare: true });
  expect(restore.stdout).toMatch(/^restored \S+ from \S+: \d+ kB, 0 jobs, 0 users\n$/);
  expect(readdirSync(fresh)).toEqual(['jobs.db']);
  expect(statSync(fresh).mode & 0o777).toBe(0o700);
});

test('what was put aside can be restored itself, with the log that lies beside it, and is not used up', async () => {
  await run('migrate');
  users(file(), 'ada');
  await run('backup', copy);
  const crashed = new Sqlite(file());
  crashed.pragma('journal_mode = wal');
  crashed.pragma('wal_autocheckpoint = 0');
  crashed.exec("INSERT INTO users (id, name, role, token_hash, created_at) VALUES ('b', 'bob', 'user', 'b', 1)");
  for (const end of ['', '-wal']) copyFileSync(file() + end, join(folder, 'kept', `crashed.db${end}`));
  crashed.close();
  const before = all().filter((line) => line.startsWith('kept'));
  expect(await (await run('restore', join(folder, 'kept', 'crashed.db'))).exited).toBe(0);
  expect(users(file())).toEqual(['ada', 'bob']);
  expect(all().filter((line) => line.startsWith('kept'))).toEqual(before);
});

test('a copy that is damaged, empty, no database, not ours, newer or the database itself is refused', async () => {
  await run('migrate');
  await run('backup', copy);
  const bad = (name: string) => join(folder, 'kept', name);
  copyFileSync(copy, bad('damaged.db'));
  damage(bad('damaged.db'), 'logs_of_job');
  // Cut off in the middle, as by a disk that was full.
  writeFileSync(bad('half.db'), readFileSync(copy).subarray(0, 40_000));
  writeFileSync(bad('nothing.db'), '');
  writeFileSync(bad('text.db'), 'Dear diary,\n'.repeat(1000));
  new Sqlite(bad('foreign.db')).exec('CREATE TABLE notes (text)').close();
  copyFileSync(copy, bad('newer.db'));
  new Sqlite(bad('newer.db')).exec("INSERT INTO migrations (name) VALUES ('9999_later.sql')").close();
  const before = all();
  for (const [name, line] of [
    ['damaged.db', /damaged\.db is damaged/],
    ['half.db', /half\.db (is damaged|cannot be read)/],
    ['nothing.db', /nothing\.db holds nothing/],
    ['text.db', /is not a SQLite database/],
    ['foreign.db', /is the database of another program/],
    ['newer.db', /was made by a newer version \(it has 9999_later\.sql, unknown here\); nothing was changed\.$/],
    ['absent.db', /absent\.db is not a file/],
    ['../jobs.db', /is the database itself/],
    ['.', /is not a file/],
  ] as const)
    await refused(before, await run('restore', bad(name)), line);
});
