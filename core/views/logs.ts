import type { Caller } from '../access/admit.ts';
import { type Context, type LogLevel, toTimestamp } from '../context.ts';
import { Problem } from '../http/problem.ts';
import type { Status } from '../lifecycle/states.ts';
import { scopeOf } from './jobs.ts';
import { page } from './page.ts';

export interface LogRow {
  seq: number;
  at: number;
  level: LogLevel;
  event: string;
  job_id: string | null;
  owner_id: string | null;
  task_type: string | null;
  epoch: number | null;
  worker: string | null;
  from_status: Status | null;
  to_status: Status | null;
  message: string | null;
  data: string | null;
}

export const LOG_ROW = `seq, at, level, event, owner_id, task_type, epoch, worker, from_status, to_status, message, data,
  coalesce((SELECT id FROM jobs WHERE jobs.seq = job_seq), data ->> 'job_id') AS job_id`;

// A job that was pruned is still found, by the one row that names it.
const SEQ_OF = `
  SELECT seq FROM jobs WHERE id = ?1 AND (?2 IS NULL OR owner_id = ?2)
  UNION ALL SELECT job_seq FROM logs
  WHERE event = 'pruned' AND data ->> 'job_id' = ?1 AND (?2 IS NULL OR owner_id = ?2) LIMIT 1`;

export interface LogQuery {
  cursor?: string | undefined;
  limit: number;
  job_id?: string | undefined;
  level?: LogLevel | undefined;
  event?: string | undefined;
}

/** A log row as the world sees it. */
export const toLog = (row: LogRow) => ({
  at: toTimestamp(row.at),
  level: row.level,
  event: row.event,
  job_id: row.job_id,
  owner_id: row.owner_id,
  task_type: row.task_type,
  epoch: row.epoch,
  worker: row.worker,
  from_status: row.from_status,
  to_status: row.to_status,
  message: row.message,
  data: row.data === null ? null : (JSON.parse(row.data) as unknown),
});

/** A page of log rows, newest first: of the caller's jobs, or for an admin all. Throws a Problem for a job it may not see. */
export async function listLogs(ctx: Context, query: LogQuery, caller: Caller) {
  const owner = scopeOf(caller);
  const job =
    query.job_id === undefined ? null : await ctx.db.prepare(SEQ_OF).bind(query.job_id, owner).first<{ seq: number }>();
  if (query.job_id !== undefined && !job) throw new Problem('not_found', 'There is no job with this id.');
  const { rows, next_cursor } = await page<LogRow>(ctx, {
    table: 'logs',
    columns: LOG_ROW,
    along: job ? { job_seq: job.seq } : { owner_id: owner },
    literal: '',
    filter: { level: query.level ?? null, event: query.event ?? null, owner_id: job ? owner : null },
    scope: `logs for ${caller.id}`,
    cursor: query.cursor,
    limit: query.limit,
  });
  return { items: rows.map(toLog), next_cursor };
}
