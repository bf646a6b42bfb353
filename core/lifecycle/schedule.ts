import type { Context } from '../context.ts';
import type { Statement } from '../database.ts';
import { newId } from '../ids.ts';
import { repeatable } from '../repeat.ts';
import { LOG_COLUMNS } from './edge.ts';
import { JOB_COLUMNS, type JobRow } from './job.ts';

/** A job that passed every check and may be inserted. `payload` is JSON text; times in milliseconds. */
export interface NewJob {
  task_type: string;
  payload: string;
  priority: number;
  max_retries: number;
  run_at: number;
  timeout_ms: number | null;
  idempotency_key: string | null;
  request_hash: string | null;
}

/** The jobs in the order they were asked for, or the index of the first whose key belongs to another request. */
export type Scheduled = { rows: JobRow[]; replayed: boolean[] } | { conflict: number };

// An entry of the set is [id, task_type, priority, max_retries, run_at, timeout_ms, payload, key, hash]: by position,
// which SQLite reads faster than by name. Without keys nothing comes back: all of the rows is known, and all are new.
const INSERT = `
  INSERT INTO jobs (id, owner_id, task_type, status, priority, max_retries, run_at, timeout_ms, payload, created_at)
  SELECT value ->> 0, ?3, value ->> 1, 'pending', value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, ?1
  FROM json_each(?2)`;
// Their numbers are the last ones, without a gap: nobody else writes in between.
const LOG = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?1, 'info', 'scheduled', seq, owner_id, task_type, NULL, NULL, NULL, 'pending', NULL, NULL
  FROM jobs WHERE seq > (SELECT max(seq) FROM jobs) - ?2`;
// The whole set is refused when one key is taken by another request: guarded here, not by an earlier look.
const INSERT_KEYED = `
  INSERT INTO jobs (id, owner_id, task_type, status, priority, max_retries, run_at, timeout_ms, payload,
                    idempotency_key, request_hash, created_at)
  SELECT value ->> 0, ?3, value ->> 1, 'pending', value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
         value ->> 7, value ->> 8, ?1
  FROM json_each(?2) WHERE NOT EXISTS (
    SELECT 1 FROM json_each(?2) AS other CROSS JOIN jobs AS taken
    WHERE taken.owner_id = ?3 AND taken.idempotency_key = other.value ->> 7
      AND taken.request_hash <> other.value ->> 8)
  ON CONFLICT (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id`;
const LOG_KEYED = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?1, 'info', 'scheduled', seq, owner_id, task_type, NULL, NULL, NULL, 'pending', NULL, NULL
  FROM json_each(?2) AS entry CROSS JOIN jobs WHERE jobs.id = entry.value ->> 0`;
// Names its jobs first: json_each has a column called id, too.
const FIND = `
  SELECT ${JOB_COLUMNS} FROM jobs WHERE seq IN (
    SELECT jobs.seq FROM json_each(?1) AS entry CROSS JOIN jobs
    WHERE jobs.owner_id = ?2 AND jobs.idempotency_key = entry.value ->> 7 AND jobs.id <> entry.value ->> 0)`;
const BY_ID = 'SELECT jobs.id FROM json_each(?1) AS entry CROSS JOIN jobs WHERE jobs.id = entry.value ->> 0';

/** The edge into pending: inserts a set of jobs and their log rows, all or none. */
export async function schedule(ctx: Context, owner: string, jobs: readonly NewJob[]): Promise<Scheduled> {
  const now = ctx.now();
  const fresh = jobs.map((job) => newRow(newId(ctx), owner, now, job));
  const set = `[${fresh.map(toEntry).join(',')}]`;
  const keyed = jobs.some((job) => job.idempotency_key !== null);
  let unsure = false;
  const [inserted, found] = await repeatable(ctx, async () => {
    // The ids are new with this call: one of them in the table means that the try whose answer was lost took effect.
    const earlier = unsure ? await ctx.db.prepare(BY_ID).bind(set).all<JobRow>() : undefined;
    unsure = true;
    if (earlier?.results.length) return [earlier, await ctx.db.prepare(FIND).bind(set, owner).all<JobRow>()];
    const [ids, , replays] = await ctx.db.batch<JobRow>(insertion(ctx, owner, now, set, fresh.length, keyed));
    return [ids, replays];
  });
  if (!keyed) return { rows: fresh, replayed: fresh.map(() => false) };
  return collect(fresh, inserted?.results ?? [], found?.results ?? []);
}

/** The statements that insert `count` jobs; where some have keys, also those that find what the keys stand for. */
function insertion(
  { db }: Context,
  owner: string,
  now: number,
  set: string,
  count: number,
  keyed: boolean,
): Statement[] {
  if (!keyed) return [db.prepare(INSERT).bind(now, set, owner), db.prepare(LOG).bind(now, count)];
  return [
    db.prepare(INSERT_KEYED).bind(now, set, owner),
    db.prepare(LOG_KEYED).bind(now, set),
    db.prepare(FIND).bind(set, owner),
  ];
}

const newRow = (id: string, owner_id: string, created_at: number, job: NewJob): JobRow => ({
  seq: 0,
  id,
  owner_id,
  task_type: job.task_type,
  payload: job.payload,
  status: 'pending',
  priority: job.priority,
  retries: 0,
  max_retries: job.max_retries,
  interruptions: 0,
  dlq_redrives: 0,
  run_at: job.run_at,
  timeout_ms: job.timeout_ms,
  lease_epoch: 0,
  lease_worker: null,
  lease_until: null,
  cancel_requested_at: null,
  idempotency_key: job.idempotency_key,
  request_hash: job.request_hash,
  result: null,
  error: null,
  created_at,
  started_at: null,
  finished_at: null,
});

/** The payload is JSON already, and goes in as it is: escaped once more it could outgrow what can be bound. */
function toEntry(row: JobRow): string {
  const { id, task_type, payload, priority, max_retries, run_at, timeout_ms, idempotency_key, request_hash } = row;
  const key = idempotency_key === null ? '' : `,${JSON.stringify([idempotency_key, request_hash]).slice(1, -1)}`;
  return `["${id}",${JSON.stringify(task_type)},${priority},${max_retries},${run_at},${timeout_ms},${payload}${key}]`;
}

function collect(fresh: readonly JobRow[], inserted: readonly { id: string }[], found: readonly JobRow[]): Scheduled {
  const isNew = new Set(inserted.map(({ id }) => id));
  const byKey = new Map(found.map((row) => [row.idempotency_key, row]));
  const conflict = fresh.findIndex(({ idempotency_key, request_hash }) => {
    const row = idempotency_key === null ? undefined : byKey.get(idempotency_key);
    return row !== undefined && row.request_hash !== request_hash;
  });
  if (conflict >= 0) return { conflict };
  const rows = fresh.map((row) => {
    if (isNew.has(row.id)) return row;
    // Of twins in one set the first was inserted.
    const { idempotency_key: key } = row;
    return (byKey.get(key) ?? fresh.find((other) => other.idempotency_key === key)) as JobRow;
  });
  return { rows, replayed: fresh.map(({ id }) => !isNew.has(id)) };
}
