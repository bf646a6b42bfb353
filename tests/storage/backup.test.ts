import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { damage } from '../support/damage.ts';
import { breaches } from '../support/invariants.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

let folder: string;
let target: string;
beforeEach(() => {
  folder = tempFolder();
  target = join(folder, 'kept', 'backup.db');
  mkdirSync(join(folder, 'kept'));
});
afterEach(cleanUp);

const migrate = () => Server.run({ script: 'migrate', folder, bare: true });
const backup = (...args: string[]) => Server.run({ script: 'backup', args: [target, ...args], folder, bare: true });
const kept = () => readdirSync(join(folder, 'kept')).sort();
const inDatabase = (sql: string, file = join(folder, 'jobs.db')) => {
  const db = new Sqlite(file);
  db.exec(sql);
  db.close();
};

/** Exit code 1, one line on standard error, and nothing new beside what was there. */
async function refused(run: Server, line: RegExp, left: string[] = []): Promise<void> {
  expect(await run.exited).toBe(1);
  expect(run.stderr.trimEnd()).toMatch(line);
  expect(run.stderr.match(/\n/g)).toHaveLength(1);
  expect(run.stdout).toBe('');
  expect(kept()).toEqual(left);
}

test('a backup under constant writes is one moment of the database, whole, private, and says what it holds', async () => {
  const server = await Server.start({ folder, bare: true });
  let stop = false;
  const accepted: string[] = [];
  const clients = Array.from({ length: 4 }, async () => {
    while (!stop) accepted.push((await server.schedule('sleep', { ms: 0 })).id);
  });
  while (accepted.length < 200) await server.schedule('transform', { input: 1, expression: '@' });
  const before = [...accepted];
  const run = await backup();
  const after = accepted.length;
  stop = true;
  await Promise.all(clients);
  expect(run.stderr).toBe('');
  expect(await run.exited).toBe(0);
  expect(after).toBeGreaterThan(before.length);

  expect(kept()).toEqual(['backup.db']);
  expect(statSync(target).mode & 0o777).toBe(0o600);
  const copy = new Sqlite(target, { readonly: true });
  expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(breaches(copy)).toEqual([]);
  const ids = new Set(copy.prepare('SELECT id FROM jobs').pluck().all());
  expect(before.filter((id) => !ids.has(id))).toEqual([]);
  expect(run.stdout).toMatch(/^backed up \S+ to \S+: [\d.]+ [kM]B, \d+ jobs \(.*\d+ done.*\), 0 users, verified\n$/);
  expect(Number(/(\d+) jobs/.exec(run.stdout)?.[1])).toBe(ids.size);
  copy.close();
  expect(await server.stop()).toBe(0);
});

test('a backup of a database that nobody has open leaves it as it was', async () => {
  await migrate();
  const before = readFileSync(join(folder, 'jobs.db'));
  expect(await (await backup()).exited).toBe(0);
  expect(readFileSync(join(folder, 'jobs.db')).equals(before)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['jobs.db', 'kept']);
});

test('a backup that is there is replaced only with --force, and then by a verified one', async () => {
  await migrate();
  await backup();
  const first = readFileSync(target);
  inDatabase("INSERT INTO users (id, name, role, token_hash, created_at) VALUES ('u', 'ada', 'user', 'h', 1)");
  await refused(await backup(), /^\S+backup\.db is there already; --force replaces it\.$/, ['backup.db']);
  expect(readFileSync(target).equals(first)).toBe(true);
  const second = await backup('--force');
  expect(second.stdout).toMatch(/, 0 jobs, 1 user, verified\n$/);
  expect(kept()).toEqual(['backup.db']);
});

test('a damaged database is not backed up, and the backup before stays as it was', async () => {
  await migrate();
  await backup();
  const first = readFileSync(target);
  damage(join(folder, 'jobs.db'), 'jobs');
  await refused(await backup('--force'), /was not backed up to \S+: .*(malformed|damaged)/, ['backup.db']);
  expect(readFileSync(target).equals(first)).toBe(true);
});

test('a damaged index is not copied in silence either', async () => {
  await migrate();
  inDatabase("INSERT INTO users (id, name, role, token_hash, created_at) VALUES ('u', 'ada', 'user', 'h', 1)");
  damage(join(folder, 'jobs.db'), 'sqlite_autoindex_users_1');
  await refused(await backup(), /was not backed up to \S+: .*(malformed|damaged)/);
});

test('nothing is backed up onto the database, a database in use, a folder, or into a folder that is not there', async () => {
  await migrate();
  target = join(folder, 'kept', '..', 'jobs.db');
  await refused(await backup('--force'), /is the database itself/);
  target = join(folder, 'kept', 'other.db');
  const other = new Sqlite(target);
  other.pragma('journal_mode = wal');
  other.exec('CREATE TABLE t (x)');
  await refused(await backup('--force'), /other\.db-wal is there, so \S+ may be a database in use/, [
    'other.db',
    'other.db-shm',
    'other.db-wal',
  ]);
  other.close();
  rmSync(target);
  target = join(folder, 'kept');
  await refused(await backup('--force'), /kept is not a file/);
  target = join(folder, 'nowhere', 'backup.db');
  await refused(await backup(), /The folder of \S+ is not there/);
});

test("neither a database that is not there, another program's, nor a newer version's is backed up", async () => {
  await refused(await backup(), /^DB_PATH is \S+jobs\.db, which is not there: there is nothing to back up\.$/);
  expect(readdirSync(folder)).toEqual(['kept']);
  inDatabase('CREATE TABLE notes (text)');
  await refused(await backup(), /is the database of another program/);
  rmSync(join(folder, 'jobs.db'));
  await migrate();
  inDatabase("INSERT INTO migrations (name) VALUES ('9999_later.sql')");
  await refused(await backup(), /was made by a newer version/);
});

test('what a backup left that was killed is removed by the next one; a draft of one that runs is not', async () => {
  await migrate();
  const gone = await migrate();
  for (const name of [`backup.db.${gone.child.pid}.tmp`, `backup.db.${gone.child.pid}.tmp-journal`])
    writeFileSync(join(folder, 'kept', name), 'half');
  const others = [`backup.db.${process.pid}.tmp`, 'backup.db.tmp', `other.db.${gone.child.pid}.tmp`];
  for (const name of others) writeFileSync(join(folder, 'kept', name), 'not ours');
  expect(await (await backup()).exited).toBe(0);
  expect(kept()).toEqual(['backup.db', ...others].sort());
});
