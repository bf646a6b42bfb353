import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { openSqlite, SqlitePort } from '../../emulator/sqlite.ts';
import { LOG_LIMIT } from '../../emulator/storage/checkpoint.ts';
import { root } from '../support/build.ts';
import { breaches } from '../support/invariants.ts';
import { cleanUp, pause, Server, tempFolder } from '../support/server.ts';

const readers: ChildProcess[] = [];
afterEach(async () => {
  for (const child of readers.splice(0)) {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  await cleanUp();
});

/** A process in which some read of this database is always under way. */
async function readAllTheTime(file: string): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'tests/support/readers.mjs'), file], { stdio: 'pipe' });
  readers.push(child);
  await once(child.stdout, 'data');
}

/** Another program's writer, which fills the log a megabyte at a time. */
function ballast(file: string) {
  const port = new SqlitePort(openSqlite(file, 'normal'));
  port.db.exec('CREATE TABLE ballast (text)');
  const text = 'x'.repeat(1_000_000);
  return {
    add: () => port.batch([port.prepare('INSERT INTO ballast VALUES (?1)').bind(text)]),
    close: () => port.db.close(),
  };
}

const sizeOf = (file: string): number => statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;

test('where reads overlap all the time, what SQLite does by itself lets the log grow past any limit', async () => {
  const file = join(tempFolder(), 'bare.db');
  const db = openSqlite(file, 'normal');
  db.exec('CREATE TABLE t (x TEXT)');
  await readAllTheTime(file);
  const insert = db.prepare('INSERT INTO t VALUES (?)');
  const text = 'x'.repeat(1_000_000);
  for (let written = 0; written < 2 * LOG_LIMIT; written += text.length) {
    insert.run(text);
    if (written % 10_000_000 === 0) await pause(10);
  }
  expect(sizeOf(file)).toBeGreaterThan(1.8 * LOG_LIMIT);
  db.close();
});

test('beside a running system it is emptied again and again: it stays under twice its limit, and nobody is turned away', async () => {
  const server = await Server.start({ bare: true });
  await readAllTheTime(server.file);
  const port = ballast(server.file);
  const sizes: number[] = [];
  const emptied = () => sizes.filter((size, i) => i > 0 && size < (sizes[i - 1] ?? 0) / 2).length;
  for (let n = 1; emptied() < 2 && n < 400; n++) {
    await port.add();
    sizes.push(sizeOf(server.file));
    if (n % 10 === 0) await server.schedule('sleep', { ms: 0 });
    await pause(100);
  }
  expect(emptied()).toBe(2);
  expect(Math.max(...sizes)).toBeGreaterThan(LOG_LIMIT * 0.9);
  expect(Math.max(...sizes)).toBeLessThan(2 * LOG_LIMIT);
  port.close();
  expect(await server.stop()).toBe(0);
  const db = new Sqlite(server.file, { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
}, 180_000);

test('somebody who reads for long is told of and not waited for: requests are served, and the log is emptied afterwards', async () => {
  const server = await Server.start({ bare: true });
  const reader = new Sqlite(server.file);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM jobs').get();
  const port = ballast(server.file);
  while (sizeOf(server.file) < LOG_LIMIT) await port.add();
  const told = () => server.lines.filter(({ msg }) => msg.includes('cannot be emptied'));
  for (const end = Date.now() + 40_000; told().length === 0 && Date.now() < end; await pause(100))
    await server.schedule('sleep', { ms: 0 });
  expect(told()[0]).toMatchObject({ level: 'warn' });
  reader.exec('COMMIT');
  reader.close();
  port.close();
  for (const end = Date.now() + 40_000; sizeOf(server.file) >= LOG_LIMIT && Date.now() < end; ) await pause(100);
  expect(sizeOf(server.file)).toBeLessThan(LOG_LIMIT);
  expect(await server.stop()).toBe(0);
});
