// The limit: the rows that scheduling and draining write, in sets of 500, by the fewest statements, and nothing else.
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freshDatabase, rowsWritten, tempFolder } from '../support/built.ts';
import { stopwatch } from '../support/stopwatch.ts';

const SET = 500;
const WORKER = 'w-0123456789ab';
const count = Number(process.argv[2]);
const folder = tempFolder();
const db = freshDatabase(fileURLToPath(new URL('../..', import.meta.url)), folder);

const insertJobs = db.prepare(`
  INSERT INTO jobs (id, owner_id, task_type, payload, status, priority, max_retries, run_at, created_at)
  SELECT value ->> 0, 'bootstrap', value ->> 1, value ->> 2, 'pending', 0, 3, ?, ? FROM json_each(?)`);
const LOG = 'INSERT INTO logs (at, level, event, job_seq, owner_id, task_type, epoch, worker, from_status, to_status)';
const logScheduled = db.prepare(`
  ${LOG} SELECT ?, 'info', 'scheduled', seq, owner_id, task_type, NULL, NULL, NULL, 'pending' FROM jobs WHERE seq > ?`);
const claim = db
  .prepare(`
  UPDATE jobs SET status = 'running', lease_epoch = lease_epoch + 1, lease_worker = ?, lease_until = ?, started_at = ?
  WHERE seq IN (SELECT seq FROM jobs WHERE status = 'pending' AND run_at <= ?
    ORDER BY priority DESC, run_at, seq LIMIT ${SET}) RETURNING seq, id, task_type, payload`)
  .raw();
const settle = db.prepare(`
  UPDATE jobs SET status = 'done', lease_worker = NULL, lease_until = NULL, finished_at = ?, result = '{"slept_ms":0}'
  WHERE seq IN (SELECT value FROM json_each(?))`);
const logOf = (event: string, from: string, to: string) =>
  db.prepare(`
  ${LOG} SELECT ?, 'info', '${event}', seq, owner_id, task_type, lease_epoch, '${WORKER}', '${from}', '${to}'
  FROM jobs WHERE seq IN (SELECT value FROM json_each(?))`);
const logClaimed = logOf('claimed', 'pending', 'running');
const logDone = logOf('done', 'running', 'done');

// A UUIDv7 in looks and order, made as cheaply as can be.
const newId = (now: number): string => {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
};

const enqueueSet = db.transaction((size: number) => {
  const now = Date.now();
  const jobs = Array.from({ length: size }, () => [newId(now), 'sleep', '{"ms":0}']);
  const last = insertJobs.run(now, now, JSON.stringify(jobs)).lastInsertRowid as number;
  logScheduled.run(now, last - size);
});
const claimSet = db.transaction((now: number): string => {
  const seqs = JSON.stringify((claim.all(WORKER, now + 30_000, now, now) as [number][]).map(([seq]) => seq));
  logClaimed.run(now, seqs);
  return seqs;
});
const settleSet = db.transaction((seqs: string, now: number) => {
  settle.run(now, seqs);
  logDone.run(now, seqs);
});

const watch = stopwatch();
for (let left = count; left > 0; left -= SET) enqueueSet.immediate(Math.min(SET, left));
const enqueue = watch();
for (let done = 0; done < count; done += SET) settleSet.immediate(claimSet.immediate(Date.now()), Date.now());
const drain = watch();

const rows = rowsWritten(db);
db.close();
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ enqueueMs: enqueue.ms, drainMs: drain.ms, cpuMs: enqueue.cpuMs + drain.cpuMs, rows }));
