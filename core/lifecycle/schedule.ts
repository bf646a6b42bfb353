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

// The whole set is refused when one key is taken by another request: guarded here, not by an earlier look.
const INSERT = `
  INSERT INTO jobs (id, owner_id, task_type, payload, status, priority, max_retries, run_at, timeout_ms,
                    idempotency_key, request_hash, created_at)
  SELECT value ->> 'id', ?3, value ->> 'task_type', value ->> 'payload', 'pending', value ->> 'priority',
         value ->> 'max_retries', value ->> 'run_at', value ->> 'timeout_ms',
         value ->> 'idempotency_key', value ->> 'request_hash', ?1
  FROM json_each(?2)`;
const INSERT_KEYED = `${INSERT} WHERE NOT EXISTS (
    SELECT 1 FROM json_each(?2) AS other CROSS JOIN jobs AS taken
    WHERE taken.owner_id = ?3 AND taken.idempotency_key = other.value ->> 'idempotency_key'
      AND taken.request_hash <> other.value ->> 'request_hash')
  ON CONFLICT (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING`;
const LOG = `
  INSERT INTO logs ${LOG_COLUMNS}
  SELECT ?1, 'info', 'scheduled', seq, owner_id, task_type, NULL, NULL, NULL, 'pending', NULL, NULL
  FROM json_each(?2) AS entry CROSS JOIN jobs WHERE jobs.id = entry.value ->> 'id'`;
const FIND = `
  SELECT ${JOB_COLUMNS} FROM json_each(?1) AS entry CROSS JOIN jobs
  WHERE jobs.owner_id = ?2 AND jobs.idempotency_key = entry.value ->> 'idempotency_key'`;

const BY_ID = `
  SELECT ${JOB_COLUMNS} FROM json_each(?1) AS entry CROSS JOIN jobs WHERE jobs.id = entry.value ->> 'id'`;

/** The edge into pending: inserts a set of jobs and their log rows, all or none. */
export async function schedule(ctx: Context, owner: string, jobs: readonly NewJob[]): Promise<Scheduled> {
  const entries = jobs.map((job) => ({ id: newId(ctx), ...job }));
  const set = JSON.stringify(entries);
  let unsure = false;
  const [inserted, , found] = await repeatable(ctx, async () => {
    // The ids are new with this call: one of them in the table means that the try whose answer was lost took effect.
    const earlier = unsure ? await ctx.db.prepare(BY_ID).bind(set).all<JobRow>() : undefined;
    unsure = true;
    const again = insertion(
      ctx,
      owner,
      set,
      jobs.some((job) => job.idempotency_key !== null),
    );
    if (!earlier?.results.length) return ctx.db.batch<JobRow>(again);
    return [earlier, undefined, await again[2]?.all<JobRow>()];
  });
  return collect(entries, inserted?.results ?? [], found?.results ?? []);
}

function insertion(ctx: Context, owner: string, set: string, keyed: boolean): Statement[] {
  const now = ctx.now();
  const statements = [
    ctx.db.prepare(`${keyed ? INSERT_KEYED : INSERT} RETURNING ${JOB_COLUMNS}`).bind(now, set, owner),
    ctx.db.prepare(LOG).bind(now, set),
  ];
  return keyed ? [...statements, ctx.db.prepare(FIND).bind(set, owner)] : statements;
}

function collect(entries: readonly (NewJob & { id: string })[], inserted: JobRow[], found: JobRow[]): Scheduled {
  const byId = new Map(inserted.map((row) => [row.id, row]));
  const byKey = new Map(found.map((row) => [row.idempotency_key, row]));
  const conflict = entries.findIndex(({ idempotency_key, request_hash }) => {
    const row = idempotency_key === null ? undefined : byKey.get(idempotency_key);
    return row !== undefined && row.request_hash !== request_hash;
  });
  if (conflict >= 0) return { conflict };
  const rows = entries.map(({ id, idempotency_key }) => (byId.get(id) ?? byKey.get(idempotency_key)) as JobRow);
  return { rows, replayed: entries.map(({ id }) => !byId.has(id)) };
}
