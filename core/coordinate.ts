import type { Context } from './context.ts';
import type { TickCounts } from './http/tick.ts';
import { bury } from './lifecycle/bury.ts';
import { prune, pruneBefore } from './lifecycle/prune.ts';
import { reclaim } from './lifecycle/reclaim.ts';
import { redriveDue, redriveLevels } from './lifecycle/redrive.ts';
import { retry } from './lifecycle/retry.ts';
import { dump, minuteOf } from './views/dumps.ts';
import { fold } from './views/fold.ts';
import { wake } from './wake.ts';

const SET = 500;
const FOLD_SET = 20_000;

// What there is to do, in one read, so that an idle tick writes nothing. A hint: each step has its own guard. Left to
// itself, SQLite looks for what failed in the index of all that is parked, and reads every job that waits for a retry.
const AGENDA = `SELECT
  EXISTS (SELECT 1 FROM jobs WHERE status = 'running' AND lease_until <= ?1) AS reclaim,
  EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_failed WHERE status = 'failed' AND run_at <= ?1) AS failed,
  EXISTS (SELECT 1 FROM json_each(?2) AS redrives CROSS JOIN jobs
    WHERE status = 'dlq' AND dlq_redrives = redrives.value AND finished_at <= ?3) AS redrive,
  EXISTS (SELECT 1 FROM jobs WHERE status IN ('done', 'cancelled') AND finished_at < ?4) AS prune,
  EXISTS (SELECT 1 FROM rate_limits WHERE anonymous = 1 AND at < ?5) AS forget,
  (SELECT max(seq) FROM logs) > (SELECT through FROM job_counts_mark) AS fold,
  NOT EXISTS (SELECT 1 FROM dumps WHERE minute = ?6) AS dump`;

type Agenda = Record<'reclaim' | 'failed' | 'redrive' | 'prune' | 'forget' | 'fold' | 'dump', 0 | 1 | null>;

/** Reclaims, retries, buries, redrives and prunes what is due, in bounded sets, and keeps the report's counts and its history. */
export async function coordinate(ctx: Context): Promise<TickCounts> {
  const end = ctx.now() + ctx.settings.TICK_BUDGET_MS;
  const agenda = await readAgenda(ctx);
  const all = async (due: unknown, work: (ctx: Context, limit: number) => Promise<number>): Promise<number> => {
    let sum = 0;
    for (let n = SET; due && n >= SET && ctx.now() < end; sum += n) n = await work(ctx, SET);
    return sum;
  };
  const counts = {
    reclaimed: await all(agenda.reclaim, reclaim),
    retried: await all(agenda.failed, retry),
    buried: await all(agenda.failed, bury),
    redriven: await all(agenda.redrive, redriveDue),
    pruned: await all(agenda.prune, prune),
    forgotten: await all(agenda.forget, forgetStrangers),
  };
  for (let more = Boolean(agenda.fold); more && ctx.now() < end; ) more = await fold(ctx, FOLD_SET);
  if (agenda.dump) await dump(ctx);
  if (counts.reclaimed + counts.retried + counts.redriven > 0) wake(ctx);
  const next = await nextEvent(ctx);
  return { ...counts, ...(next !== null && { next_at: next }) };
}

async function readAgenda(ctx: Context): Promise<Agenda> {
  const now = ctx.now();
  const { DLQ_REDRIVE_AFTER_MS, RL_WINDOW_MS } = ctx.settings;
  const ages = [now - DLQ_REDRIVE_AFTER_MS, pruneBefore(ctx, now), now - RL_WINDOW_MS];
  const terms = [now, redriveLevels(ctx), ...ages, minuteOf(now)];
  return (await ctx.db
    .prepare(AGENDA)
    .bind(...terms)
    .first<Agenda>()) as Agenda;
}

const NEXT = `SELECT min(at) AS at FROM (
  SELECT min(lease_until) AS at FROM jobs WHERE status = 'running'
  UNION ALL SELECT min(run_at) FROM jobs INDEXED BY jobs_failed WHERE status = 'failed'
  UNION ALL SELECT (SELECT min(finished_at) + ?2 FROM jobs WHERE status = 'dlq' AND dlq_redrives = redrives.value)
    FROM json_each(?1) AS redrives)`;

/** When a lease ends, a retry or a redrive falls due next, in milliseconds since 1970; null where nothing waits. */
async function nextEvent(ctx: Context): Promise<number | null> {
  const terms = [redriveLevels(ctx), ctx.settings.DLQ_REDRIVE_AFTER_MS];
  const row = await ctx.db
    .prepare(NEXT)
    .bind(...terms)
    .first<{ at: number | null }>();
  return row?.at ?? null;
}

const FORGET = `DELETE FROM rate_limits WHERE bucket IN (
  SELECT bucket FROM rate_limits WHERE anonymous = 1 AND at < ?1 ORDER BY at LIMIT ?2) RETURNING bucket`;

/** Deletes the buckets of addresses that were silent for a whole window: they would be full again. */
async function forgetStrangers(ctx: Context, limit: number): Promise<number> {
  const { results } = await ctx.db
    .prepare(FORGET)
    .bind(ctx.now() - ctx.settings.RL_WINDOW_MS, limit)
    .all();
  return results.length;
}
