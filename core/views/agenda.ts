import { type Context, toTimestamp } from '../context.ts';
import { redriveLevels } from '../lifecycle/redrive.ts';

/** What a job waits for. */
export type AgendaKind = 'due' | 'retry' | 'bury' | 'lease' | 'deadline' | 'redrive';

interface AgendaRow {
  at: number;
  kind: AgendaKind;
  job_id: string;
  task_type: string;
  retries: number;
  max_retries: number;
  lease_worker: string | null;
}

const COLUMNS = 'id AS job_id, task_type, retries, max_retries, lease_worker';

// Each part reads `limit` rows along an index; what runs is few. A seek for each priority, as in the claim. The jobs are
// looked up by what was found (CROSS JOIN): the other way round all of them would be read.
const AGENDA = `
  WITH RECURSIVE level (priority) AS (
    SELECT max(priority) FROM jobs WHERE status = 'pending'
    UNION ALL
    SELECT (SELECT max(priority) FROM jobs WHERE status = 'pending' AND priority < level.priority)
    FROM level WHERE level.priority IS NOT NULL),
  item (at, kind, seq) AS (
    SELECT due.run_at, 'due', due.seq FROM level JOIN jobs AS due ON due.seq IN (
      SELECT seq FROM jobs WHERE status = 'pending' AND priority = level.priority AND run_at > ?1
      ORDER BY run_at LIMIT ?2)
    UNION ALL SELECT * FROM (
      SELECT run_at, CASE WHEN retries > max_retries OR permanent = 1 THEN 'bury' ELSE 'retry' END, seq
      FROM jobs INDEXED BY jobs_failed WHERE status = 'failed' AND run_at > ?1 ORDER BY run_at LIMIT ?2)
    UNION ALL SELECT lease_until, 'lease', seq FROM jobs WHERE status = 'running' AND lease_until > ?1
    UNION ALL SELECT started_at + coalesce(timeout_ms, ?3), 'deadline', seq FROM jobs
      WHERE status = 'running' AND lease_until > ?1 AND started_at + coalesce(timeout_ms, ?3) > ?1
    UNION ALL SELECT buried.finished_at + ?5, 'redrive', buried.seq
      FROM json_each(?4) AS redrives CROSS JOIN jobs AS buried ON buried.seq IN (
        SELECT seq FROM jobs WHERE status = 'dlq' AND dlq_redrives = redrives.value AND finished_at > ?1 - ?5
        ORDER BY finished_at LIMIT ?2))
  SELECT item.at, item.kind, ${COLUMNS} FROM item CROSS JOIN jobs USING (seq) ORDER BY item.at, seq LIMIT ?2`;

/** What will happen next and when, nearest first: at most `limit` things that time alone brings about. */
export async function agenda(ctx: Context, limit: number) {
  const { JOB_TIMEOUT_MS, DLQ_REDRIVE_AFTER_MS } = ctx.settings;
  const terms = [ctx.now(), limit, JOB_TIMEOUT_MS, redriveLevels(ctx), DLQ_REDRIVE_AFTER_MS];
  const { results } = await ctx.db
    .prepare(AGENDA)
    .bind(...terms)
    .all<AgendaRow>();
  return results.map((row) => ({
    at: toTimestamp(row.at),
    kind: row.kind,
    job_id: row.job_id,
    task_type: row.task_type,
    text: textOf(row),
  }));
}

/** One sentence for people. */
function textOf({ kind, job_id, task_type, retries, max_retries, lease_worker }: AgendaRow): string {
  const job = `${task_type} ${job_id}`;
  switch (kind) {
    case 'due':
      return `${job} is due.`;
    case 'retry':
      return `${job} is tried again, retry ${retries} of ${max_retries}.`;
    case 'bury':
      return `${job} goes to the dead-letter queue.`;
    case 'lease':
      return `The lease of ${lease_worker} on ${job} ends, unless it is extended.`;
    case 'deadline':
      return `${job} runs out of time.`;
    case 'redrive':
      return `${job} gets a second chance from the dead-letter queue.`;
  }
}
