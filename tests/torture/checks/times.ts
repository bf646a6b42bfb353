import type Sqlite from 'better-sqlite3';

// One clock for all processes, and nobody who changes rows by hand: then the times of rows and logs must agree, too.
const questions: Record<string, string> = {
  'was claimed before its backoff was over': `
    SELECT claimed.job_seq FROM logs AS failed JOIN logs AS claimed
      ON claimed.job_seq = failed.job_seq AND claimed.event = 'claimed' AND claimed.epoch = failed.epoch + 1
    WHERE failed.event = 'failed' AND claimed.at < failed.at + (failed.data ->> 'wait_ms')
      AND NOT EXISTS (SELECT 1 FROM logs AS redriven WHERE redriven.event = 'redriven'
        AND redriven.job_seq = failed.job_seq AND redriven.seq BETWEEN failed.seq AND claimed.seq)`,
  'has a backoff that is too short or too long': `
    SELECT job_seq FROM logs WHERE event = 'failed' AND (data ->> 'wait_ms') NOT BETWEEN 0 AND ?1`,
  'was done before it was due': `
    SELECT jobs.seq FROM jobs JOIN logs ON job_seq = jobs.seq AND event = 'claimed' AND epoch = lease_epoch
    WHERE status = 'done' AND at < run_at`,
  'did not start when it was claimed': `
    SELECT jobs.seq FROM jobs JOIN logs ON job_seq = jobs.seq AND event = 'claimed' AND epoch = lease_epoch
    WHERE at <> started_at`,
  'did not finish when its log says': `
    SELECT seq FROM jobs WHERE finished_at <> (
      SELECT at FROM logs WHERE job_seq = jobs.seq AND to_status IS NOT NULL ORDER BY logs.seq DESC LIMIT 1)`,
};

/** Where times break a law; `longest` is BACKOFF_MAX_MS. */
export const timeBreaches = (db: Sqlite.Database, longest: number): string[] =>
  Object.entries(questions).flatMap(([what, sql]) => {
    const values = sql.includes('?1') ? [{ 1: longest }] : [];
    return (
      db
        .prepare(sql)
        .pluck()
        .all(...values) as number[]
    )
      .slice(0, 3)
      .map((seq) => `job ${seq} ${what}`);
  });
