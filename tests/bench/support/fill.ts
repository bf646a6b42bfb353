import type Sqlite from 'better-sqlite3';

/** The users of a filled database: one to whom most belongs, one with 50 old jobs, and a thousand others. */
export const BUSY = 'owner-busy';
export const QUIET = 'owner-quiet';

const DAY = 86_400_000;

// Of every 20 jobs: 6 done, 5 due tomorrow with the highest priority, 4 done by a thousand other owners, 5 failed and
// waiting for their retry. The oldest are few of a kind: 25 cancelled and 25 done ones of the quiet owner, and 100 in
// the DLQ that were redriven before.
const JOBS = `
  WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < $count),
  kind AS (SELECT i, CASE
    WHEN i <= 25 THEN 'cancelled' WHEN i <= 50 THEN 'done' WHEN i <= 150 THEN 'dlq' WHEN i % 20 < 6 THEN 'done'
    WHEN i % 20 < 11 THEN 'pending' WHEN i % 20 < 15 THEN 'done' ELSE 'failed' END AS status FROM number)
  INSERT INTO jobs (id, owner_id, task_type, payload, status, priority, retries, max_retries, dlq_redrives, run_at,
                    lease_epoch, result, error, created_at, started_at, finished_at)
  SELECT printf('%08x-%04x-7000-8000-%012x', i >> 16, i & 65535, i),
    CASE WHEN i <= 50 THEN $quiet WHEN i > 150 AND i % 20 BETWEEN 11 AND 14 THEN 'owner-' || (i % 1000) ELSE $busy END,
    'sleep', '{"ms":0}', status, iif(status = 'pending', 1000, 0), iif(status = 'failed', 1, 0), 3,
    iif(status = 'dlq', 1, 0), iif(status IN ('pending', 'failed'), $now + ${DAY}, $now - ${DAY}),
    iif(status = 'pending', 0, 1), iif(status = 'done', '{"slept_ms":0}', NULL),
    iif(status IN ('failed', 'dlq'), 'It did not work.', NULL), $now - ${DAY}, iif(status = 'pending', NULL, $now - ${DAY}),
    iif(status IN ('done', 'dlq', 'cancelled'), $now - ${DAY} + i % 1000, NULL)
  FROM kind`;

const log = (level: string, event: string, from: string, to: string, which: string): string => `
  INSERT INTO logs (at, level, event, job_seq, owner_id, task_type, epoch, worker, from_status, to_status, message, data)
  SELECT created_at, '${level}', '${event}', seq, owner_id, task_type, ${event === 'scheduled' ? 'NULL, NULL' : "1, 'w-0123456789ab'"},
    ${from}, '${to}', NULL, NULL FROM jobs WHERE ${which}`;

const LOGS = [
  log('info', 'scheduled', 'NULL', 'pending', 'true'),
  log('info', 'claimed', "'pending'", 'running', "status <> 'pending'"),
  log('info', 'cancelled', "'running'", 'cancelled', "status = 'cancelled'"),
  log('info', 'done', "'running'", 'done', "status = 'done'"),
  log('warn', 'failed', "'running'", 'failed', "status IN ('failed', 'dlq')"),
  log('error', 'buried', "'failed'", 'dlq', "status = 'dlq'"),
];

const COUNTS = `
  INSERT INTO job_counts (owner_id, task_type, status, n)
  SELECT owner_id, task_type, status, count(*) FROM jobs GROUP BY 1, 2, 3
  UNION ALL SELECT '', task_type, status, count(*) FROM jobs GROUP BY 2, 3`;
const MARK = 'UPDATE job_counts_mark SET through = (SELECT max(seq) FROM logs)';

/** Fills an empty database with `count` jobs of every kind that must not slow down the work due, their log and report. */
export function fill(db: Sqlite.Database, count: number, now: number): void {
  // Indexes are made again after the rows: ten times as fast, and the same trees.
  const indexes = db.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").all() as {
    name: string;
    sql: string;
  }[];
  db.pragma('cache_size = -400000');
  db.transaction(() => {
    for (const { name } of indexes) db.exec(`DROP INDEX ${name}`);
    db.prepare(JOBS).run({ count, now, busy: BUSY, quiet: QUIET });
    for (const sql of LOGS) db.exec(sql);
    db.exec(COUNTS);
    db.exec(MARK);
    for (const { sql } of indexes) db.exec(sql);
  })();
  db.pragma('cache_size = -32768');
  db.pragma('wal_checkpoint(TRUNCATE)');
}
