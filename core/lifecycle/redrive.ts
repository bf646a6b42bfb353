import type { Context } from '../context.ts';
import { edge, step } from './edge.ts';
import { JOB_COLUMNS, type JobRow } from './job.ts';

const FRESH = 'retries = 0, interruptions = 0, permanent = 0, run_at = ?1';

const BY_ITSELF = edge({
  event: 'redriven',
  from: 'dlq',
  to: 'pending',
  where: `jobs.seq IN (
    SELECT buried.seq FROM json_each(?3) AS redrives CROSS JOIN jobs AS buried
    WHERE buried.status = 'dlq' AND buried.dlq_redrives = redrives.value AND buried.finished_at <= ?1 - ?4 LIMIT ?2)`,
  set: `${FRESH}, dlq_redrives = dlq_redrives + 1`,
  message: `'A second chance, given by the coordinator.'`,
});

/** Takes jobs out of the DLQ by itself, each at most MAX_DLQ_REDRIVES times, DLQ_REDRIVE_AFTER_MS after burial. */
export async function redriveDue(ctx: Context, limit: number): Promise<number> {
  const [, updated] = await ctx.db.batch(
    step(ctx.db, BY_ITSELF, ctx.now(), limit, redriveLevels(ctx), ctx.settings.DLQ_REDRIVE_AFTER_MS),
  );
  return updated?.results.length ?? 0;
}

/** The numbers of redrives that still allow one more: an index finds each without reading the spent ones. */
export const redriveLevels = (ctx: Context): string =>
  JSON.stringify(Array.from({ length: ctx.settings.MAX_DLQ_REDRIVES }, (_, i) => i));

// The log row alone names the reason and the actor, so they come last: ?n and ?n+1.
const operator = (where: string, n: number, returning: string) =>
  edge({
    event: 'redriven',
    from: 'dlq',
    to: 'pending',
    where,
    set: FRESH,
    message: `?${n}`,
    data: `json_object('actor', ?${n + 1}, 'reason', ?${n})`,
    returning,
  });

const ONE = operator('jobs.id = ?2 AND (?3 IS NULL OR jobs.owner_id = ?3)', 4, JOB_COLUMNS);

/** An operator's redrive of one job within `scope` (an owner, or null for all); null when it is not in the DLQ there. */
export async function redriveOne(
  ctx: Context,
  id: string,
  scope: string | null,
  actor: string,
  reason: string,
): Promise<JobRow | null> {
  const [, updated] = await ctx.db.batch<JobRow>(step(ctx.db, ONE, ctx.now(), id, scope, reason, actor));
  return updated?.results[0] ?? null;
}

/** Which buried jobs a bulk redrive means; null leaves a condition out. */
export interface DlqFilter {
  task_type: string | null;
  owner_id: string | null;
  error_contains: string | null;
}

const filtered = (a: number): string => `status = 'dlq' AND (?${a} IS NULL OR task_type = ?${a})
  AND (?${a + 1} IS NULL OR owner_id = ?${a + 1}) AND (?${a + 2} IS NULL OR instr(error, ?${a + 2}) > 0)`;
const COUNT = `SELECT count(*) AS matched FROM jobs WHERE ${filtered(1)}`;
const SAMPLE = `SELECT ${JOB_COLUMNS} FROM jobs WHERE ${filtered(1)} ORDER BY seq LIMIT 10`;
const MANY = operator(`jobs.seq IN (SELECT seq FROM jobs WHERE ${filtered(3)} ORDER BY seq LIMIT ?2)`, 6, 'jobs.seq');

/** An operator's redrive of up to `limit` jobs, oldest first; with limit 0 nothing changes. `sample` is at most 10 of what matched. */
export async function redriveMany(
  ctx: Context,
  filter: DlqFilter,
  limit: number,
  actor: string,
  reason: string,
): Promise<{ matched: number; redriven: number; sample: JobRow[] }> {
  const terms = [filter.task_type, filter.owner_id, filter.error_contains];
  const [count, sample, , updated] = await ctx.db.batch([
    ctx.db.prepare(COUNT).bind(...terms),
    ctx.db.prepare(SAMPLE).bind(...terms),
    ...step(ctx.db, MANY, ctx.now(), limit, ...terms, reason, actor),
  ]);
  return {
    matched: count?.results[0]?.matched as number,
    redriven: updated?.results.length ?? 0,
    sample: (sample?.results ?? []) as unknown as JobRow[],
  };
}
