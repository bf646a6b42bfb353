import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GroupingPort } from '../../emulator/group-commit.ts';
import { openSqlite } from '../../emulator/sqlite.ts';
import { damage } from '../support/damage.ts';
import { tempFolder } from '../support/server.ts';

const folder = tempFolder();
const path = join(folder, 'jobs.db');
let port: GroupingPort;
beforeEach(() => {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  port = new GroupingPort(openSqlite(path, 'normal'));
  port.db.exec('CREATE TABLE t (n INTEGER PRIMARY KEY, CHECK (n < 100)) STRICT');
});
afterEach(() => port.db.close());

const insert = (...numbers: number[]) =>
  port.batch(numbers.map((n) => port.prepare('INSERT INTO t VALUES (?1) RETURNING n').bind(n)));
const stored = () => port.db.prepare('SELECT n FROM t ORDER BY n').pluck().all();
const commits = () => openSqlite(path, 'normal').prepare('PRAGMA data_version').pluck();

test('write batches of one turn share a commit, and each gets its own results', async () => {
  const version = commits();
  const before = version.get() as number;
  const results = await Promise.all([insert(1, 2), insert(3), insert(4, 5, 6)]);
  expect(results.map((batch) => batch.flatMap(({ results: rows }) => rows.map(({ n }) => n)))).toEqual([
    [1, 2],
    [3],
    [4, 5, 6],
  ]);
  expect(version.get()).toBe(before + 1);
});

test('a batch that fails takes effect in no part, and takes nothing with it', async () => {
  const [first, bad, third] = await Promise.allSettled([insert(1), insert(2, 1000), insert(3)]);
  expect([first.status, bad.status, third.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(stored()).toEqual([1, 3]);
});

test('on a full disk a batch is stored exactly when its caller was told so', async () => {
  port.db.exec('CREATE TABLE wide (n INTEGER PRIMARY KEY, text TEXT) STRICT');
  port.db.pragma(`max_page_count = ${port.db.pragma('page_count', { simple: true })}`);
  const wide = (n: number, length: number) =>
    port.batch([port.prepare('INSERT INTO wide VALUES (?1, ?2)').bind(n, 'x'.repeat(length))]);
  const ended = await Promise.allSettled([wide(0, 10), wide(1, 100_000), wide(2, 10), wide(3, 100_000)]);
  expect(ended.map(({ status }) => status)).toContain('rejected');
  const told = ended.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
  expect(port.db.prepare('SELECT n FROM wide ORDER BY n').pluck().all()).toEqual(told);
});

test('a batch that meets a damaged page is refused alone', async () => {
  port.db.exec('CREATE TABLE bad (n INTEGER PRIMARY KEY) STRICT');
  port.db.close();
  damage(path, 'bad');
  port = new GroupingPort(openSqlite(path, 'normal'));
  const bad = port.batch([port.prepare('INSERT INTO t VALUES (9)'), port.prepare('INSERT INTO bad VALUES (1)')]);
  const ended = await Promise.allSettled([insert(1), bad, insert(2)]);
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(stored()).toEqual([1, 2]);
});

test('a batch sees what an earlier one of the same turn has written', async () => {
  const read = port.batch([port.prepare('INSERT INTO t VALUES (7)'), port.prepare('SELECT count(*) AS n FROM t')]);
  const [, seen] = await Promise.all([
    insert(1, 2, 3),
    port.batch([port.prepare('DELETE FROM t WHERE n = 1 RETURNING n')]),
  ]);
  expect((await read)[1]?.results).toEqual([{ n: 1 }]);
  expect(seen?.[0]?.results).toEqual([{ n: 1 }]);
});

test('reads do not wait for a commit, and SQL that does not compile is refused alone', async () => {
  const ended = await Promise.allSettled([insert(1), port.batch([port.prepare('SELECT nothing FROM nowhere')])]);
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(stored()).toEqual([1]);
});
