import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { openSqlite } from '../../emulator/sqlite.ts';
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
  const later = {
    task_type: 'transform',
    payload: { input: 'x'.repeat(240_000), expression: '@' },
    delay_ms: 3_600_000,
  };
  let largest = 0;
  let shrunk = 0;
  let before = 0;
  for (let jobs = 0; jobs < 1400; jobs += 4) {
    const answer = await server.call('POST', '/v1/jobs/batch', { jobs: Array(4).fill(later) });
    expect(answer.status).toBe(201);
    const size = sizeOf(server.file);
    largest = Math.max(largest, size);
    if (size < before / 2) shrunk += 1;
    before = size;
    // Clients that keep coming, at some 20 MB a second, and no machine is in a hurry here.
    await pause(40);
  }
  expect(shrunk).toBeGreaterThan(1);
  expect(largest).toBeGreaterThan(LOG_LIMIT / 2);
  expect(largest).toBeLessThan(2 * LOG_LIMIT);
  expect((await server.call('GET', '/v1/jobs/report')).json.totals).toMatchObject({ pending: 1400 });
  expect(await server.stop()).toBe(0);
  const db = new Sqlite(server.file, { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
});

test('somebody who reads for long is told of and not waited for: requests are served, and the log is emptied afterwards', async () => {
  const server = await Server.start({ bare: true });
  const reader = new Sqlite(server.file);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM jobs').get();
  const later = {
    task_type: 'transform',
    payload: { input: 'x'.repeat(240_000), expression: '@' },
    delay_ms: 3_600_000,
  };
  const add = async () => {
    const answer = await server.call('POST', '/v1/jobs/batch', { jobs: Array(4).fill(later) });
    expect(answer.status).toBe(201);
  };
  while (sizeOf(server.file) < LOG_LIMIT) await add();
  const told = () => server.lines.filter(({ msg }) => msg.includes('cannot be emptied'));
  for (const end = Date.now() + 40_000; told().length === 0 && Date.now() < end; await pause(100)) await add();
  expect(told()[0]).toMatchObject({ level: 'warn' });
  reader.exec('COMMIT');
  reader.close();
  for (const end = Date.now() + 40_000; sizeOf(server.file) >= LOG_LIMIT && Date.now() < end; ) await pause(100);
  expect(sizeOf(server.file)).toBeLessThan(LOG_LIMIT);
  expect(await server.stop()).toBe(0);
});
