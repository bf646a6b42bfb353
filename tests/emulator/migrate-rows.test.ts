import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { statuses } from '../../core/lifecycle/states.ts';
import { migrationsIn } from '../../emulator/migrate.ts';
import { root } from '../support/build.ts';

const folder = join(root, 'migrations');
const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** A database as it was before the tables were made again, with a job of every status and numbers of pruned rows. */
function before(): Sqlite.Database {
  const db = new Sqlite(':memory:');
  for (const name of migrationsIn(folder).filter((one) => one < '0003')) db.exec(textOf(name));
  const insert = db.prepare(`
    INSERT INTO jobs (id, owner_id, task_type, payload, status, max_retries, run_at, lease_epoch, lease_worker,
      lease_until, idempotency_key, request_hash, created_at, finished_at, permanent, error)
    VALUES ($status, 'ada', 'sleep', '{}', $status, 3, 1, 2, $worker, $until, $key, $key, 4, $finished, 1, 'no')`);
  const log = db.prepare("INSERT INTO logs (at, level, event, job_seq, data) VALUES (1, 'warn', 'x', ?, '{}')");
  for (const status of statuses) {
    const runs = status === 'running';
    const ended = ['done', 'dlq', 'cancelled'].includes(status);
    const { lastInsertRowid } = insert.run({
      ...{ status, worker: runs ? 'w' : null, until: runs ? 9 : null, finished: ended ? 5 : null },
      key: status === 'done' ? 'key' : null,
    });
    log.run(lastInsertRowid);
  }
  db.exec(`INSERT INTO jobs (seq, id, owner_id, task_type, payload, status, max_retries, run_at, created_at)
    VALUES (1000, 'pruned', 'ada', 'sleep', '{}', 'pending', 3, 1, 1)`);
  db.exec('DELETE FROM jobs WHERE seq = 1000');
  return db;
}

test('the tables that are made again keep every row, and the numbers of pruned ones are not given again', () => {
  const db = before();
  const rowsOf = (table: string) => db.prepare(`SELECT * FROM ${table} ORDER BY seq`).all();
  const numbers = () => db.prepare('SELECT name, seq FROM sqlite_sequence ORDER BY name').raw().all();
  const was = { jobs: rowsOf('jobs'), logs: rowsOf('logs'), numbers: numbers() };
  for (const name of migrationsIn(folder).filter((one) => one >= '0003')) db.exec(textOf(name));
  expect({ jobs: rowsOf('jobs'), logs: rowsOf('logs'), numbers: numbers() }).toEqual(was);
  expect(was.jobs).toHaveLength(statuses.length);
  expect(was.numbers).toContainEqual(['jobs', 1000]);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
});

test('an empty database is migrated too, and begins with number 1', () => {
  const db = new Sqlite(':memory:');
  for (const name of migrationsIn(folder)) db.exec(textOf(name));
  const log = db.prepare("INSERT INTO logs (at, level, event) VALUES (1, 'info', 'x') RETURNING seq").pluck();
  expect([log.get(), log.get()]).toEqual([1, 2]);
});

test('what the schema refused before it refuses still', () => {
  const db = before();
  for (const name of migrationsIn(folder).filter((one) => one >= '0003')) db.exec(textOf(name));
  const refused = [
    "UPDATE jobs SET status = 'lost'",
    "UPDATE jobs SET status = 'running' WHERE status = 'pending'",
    "UPDATE jobs SET finished_at = NULL WHERE status = 'dlq'",
    "UPDATE jobs SET finished_at = 5 WHERE status = 'failed'",
    "UPDATE jobs SET lease_epoch = 1 WHERE status = 'done'",
    "UPDATE jobs SET idempotency_key = 'key', request_hash = 'x' WHERE status = 'failed'",
    "INSERT INTO logs (at, level, event) VALUES (1, 'loud', 'x')",
  ];
  for (const sql of refused) expect(() => db.exec(sql), sql).toThrow(/constraint|never falls/);
});

test('a list by status walks the rows of that status alone', () => {
  const db = before();
  for (const name of migrationsIn(folder).filter((one) => one >= '0003')) db.exec(textOf(name));
  const plan = (where: string) =>
    db.prepare(`EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE ${where} ORDER BY seq DESC LIMIT 20`).all();
  for (const status of ['failed', 'dlq', 'cancelled']) {
    expect(plan(`seq < 9 AND status = '${status}'`)).toMatchObject([
      { detail: expect.stringMatching(/jobs_parked \(/) },
    ]);
    expect(plan(`seq < 9 AND owner_id = 'ada' AND status = '${status}'`)).toMatchObject([
      { detail: expect.stringMatching(/jobs_parked_of_owner \(/) },
    ]);
  }
});
