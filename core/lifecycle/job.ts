import { toTimestamp } from '../context.ts';
import type { Status } from './states.ts';

/** A row of `jobs` as it is read for people; times in milliseconds since 1970. */
export interface JobRow {
  seq: number;
  id: string;
  owner_id: string;
  task_type: string;
  payload: string;
  status: Status;
  priority: number;
  retries: number;
  max_retries: number;
  interruptions: number;
  dlq_redrives: number;
  run_at: number;
  timeout_ms: number | null;
  lease_epoch: number;
  lease_worker: string | null;
  lease_until: number | null;
  cancel_requested_at: number | null;
  idempotency_key: string | null;
  request_hash: string | null;
  result: string | null;
  error: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

/** The columns of a JobRow, in this order, for SELECT and RETURNING. */
export const JOB_COLUMNS = `seq, id, owner_id, task_type, payload, status, priority, retries, max_retries,
  interruptions, dlq_redrives, run_at, timeout_ms, lease_epoch, lease_worker, lease_until, cancel_requested_at,
  idempotency_key, request_hash, result, error, created_at, started_at, finished_at`;

/** A job as the world sees it: RFC 3339 times, payload and result as JSON, no insertion number and no hash. */
export const toJob = (row: JobRow) => ({
  id: row.id,
  owner_id: row.owner_id,
  task_type: row.task_type,
  payload: JSON.parse(row.payload) as unknown,
  status: row.status,
  priority: row.priority,
  retries: row.retries,
  max_retries: row.max_retries,
  interruptions: row.interruptions,
  dlq_redrives: row.dlq_redrives,
  run_at: toTimestamp(row.run_at),
  timeout_ms: row.timeout_ms,
  lease_epoch: row.lease_epoch,
  lease_worker: row.lease_worker,
  lease_until: toTimestamp(row.lease_until),
  cancel_requested_at: toTimestamp(row.cancel_requested_at),
  idempotency_key: row.idempotency_key,
  result: row.result === null ? null : (JSON.parse(row.result) as unknown),
  error: row.error,
  created_at: toTimestamp(row.created_at),
  started_at: toTimestamp(row.started_at),
  finished_at: toTimestamp(row.finished_at),
});

export type Job = ReturnType<typeof toJob>;
