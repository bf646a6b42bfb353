import type { Context } from '../context.ts';
import { LOG_COLUMNS } from './edge.ts';
import type { Lease } from './heartbeat.ts';

/** The events that tell of an outcome a worker wrote. */
export type Recorded = 'done' | 'failed' | 'released' | 'cancelled';

/** Something to say of a stale lease. */
export interface Remark {
  lease: Lease;
  worker: string;
  message: string;
}

const OWN = `logs.job_seq = entry.value ->> 0 AND logs.epoch = entry.value ->> 1 AND logs.worker = entry.value ->> 2
  AND logs.event IN ('done', 'failed', 'released', 'cancelled')`;
const STALE = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?1, 'warn', 'stale', seq, owner_id, task_type, entry.value ->> 1, entry.value ->> 2, NULL, NULL, entry.value ->> 3, NULL
  FROM json_each(?2) AS entry CROSS JOIN jobs
  WHERE jobs.seq = entry.value ->> 0 AND NOT EXISTS (SELECT 1 FROM logs WHERE ${OWN})`;
const RECORDED = `SELECT logs.event FROM json_each(?1) AS entry CROSS JOIN logs WHERE ${OWN}`;

/**
 * Logs that a worker tried to write under a lease it no longer held. It changes no job. Nothing is said where the
 * outcome is that worker's own: then an earlier try was committed, and only the answer was lost. The outcomes of those.
 */
export async function remark(ctx: Context, remarks: readonly Remark[]): Promise<Recorded[]> {
  const set = JSON.stringify(
    remarks.map(({ lease, worker, message }) => [lease.seq, lease.lease_epoch, worker, message]),
  );
  const [, recorded] = await ctx.db.batch<{ event: Recorded }>([
    ctx.db.prepare(STALE).bind(ctx.now(), set),
    ctx.db.prepare(RECORDED).bind(set),
  ]);
  return (recorded?.results ?? []).map(({ event }) => event);
}

export const MAX_LOG_MESSAGE = 2000;
export const MAX_LOG_DATA = 16_384;

// Fenced like an outcome: a worker that lost its lease says nothing more in the job's name.
const PERSIST = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?1, ?4, 'message', seq, owner_id, task_type, lease_epoch, lease_worker, NULL, NULL, ?5, ?6
  FROM jobs WHERE seq = ?2 AND lease_epoch = ?3 AND status = 'running'`;

/** Writes a handler's own log row. The message is cut at 2,000 characters; data over 16 KiB is left out. */
export async function persistLog(
  ctx: Context,
  lease: Lease,
  level: string,
  message: string,
  data?: unknown,
): Promise<void> {
  const json = data === undefined ? null : (JSON.stringify(data) ?? null);
  const kept =
    json !== null && json.length > MAX_LOG_DATA ? JSON.stringify({ left_out: `${json.length} characters` }) : json;
  await ctx.db
    .prepare(PERSIST)
    .bind(ctx.now(), lease.seq, lease.lease_epoch, level, message.slice(0, MAX_LOG_MESSAGE), kept)
    .all();
}
