import { CLAIM, plant, template } from './plant.mjs';

const RECLAIM = 'core/lifecycle/reclaim.ts';
const RETRY = 'core/lifecycle/retry.ts';
const REDRIVE = 'core/lifecycle/redrive.ts';
const BUCKET = 'core/access/rate-limit.ts';
const TICK = 'core/http/tick.ts';

const LEVELS = `AS NOT MATERIALIZED (
    SELECT max(priority) FROM jobs WHERE status = 'pending'
    UNION ALL
    SELECT (SELECT max(priority) FROM jobs WHERE status = 'pending' AND priority < level.priority)`;

/** Bugs of budgets, of time, and of what keeps the system going. */
export const budgets = [
  plant(
    'reclaim that ignores its budget',
    [RECLAIM, 'cancel_requested_at IS NULL AND interruptions >= ?3', 'cancel_requested_at IS NULL AND ?3 < 0'],
    [RECLAIM, 'cancel_requested_at IS NULL AND interruptions < ?3', 'cancel_requested_at IS NULL AND ?3 >= 0'],
  ),
  plant('reclaim that ignores lease_until', [RECLAIM, 'lease_until <= ?1', '?1 > 0']),
  plant('retry without a recheck of run_at', [RETRY, 'run_at <= ?1', '?1 > 0']),
  plant('retry beyond the budget', [RETRY, 'AND retries <= max_retries', '']),
  plant('redrive more often than allowed', [
    REDRIVE,
    template('set: `«FRESH», dlq_redrives = dlq_redrives + 1`'),
    'set: FRESH',
  ]),
  plant('redrive before its time', [REDRIVE, 'AND buried.finished_at <= ?1 - ?4', 'AND ?4 >= 0']),
  plant('claim before run_at', [CLAIM, ' AND due.run_at <= ?1 LIMIT ?2', ' LIMIT ?2']),
  plant('claim out of order', [CLAIM, LEVELS, LEVELS.replaceAll('max(', 'min(').replace('<', '>')]),
  plant('backoff without its bound', [
    'core/lifecycle/backoff.ts',
    'return Math.min(BACKOFF_MAX_MS, Math.max(',
    'return Math.max(atLeast, Math.max(',
  ]),
  plant('bucket that overfills', [
    BUCKET,
    "'min(?1, tokens + max(0, ?2 - at) * ?3)'",
    "'(tokens + max(0, ?2 - at) * ?3)'",
  ]),
  plant('bucket that a clock set back refills', [BUCKET, 'max(0, ?2 - at) * ?3', 'abs(?2 - at) * ?3']),
  plant('leases that nobody takes back', [
    'core/coordinate.ts',
    "WHERE status = 'running' AND lease_until <= ?1) AS reclaim",
    'WHERE false AND ?1) AS reclaim',
  ]),
  plant('worker that calls the next in circles', [
    'core/worker/process-batch.ts',
    'if (worker.counts.claimed > 0 && left)',
    'if (left)',
  ]),
  // What the simulation has found, planted again.
  plant('tick that hands on what it cannot take', [TICK, 'if (ctx.settings.TICK_LINGER_MS === 0) return counts;', '']),
  plant('clock measured while the host was suspended', [
    'core/clock.ts',
    'const MAX_MEASURES = 4;',
    'const MAX_MEASURES = 1;',
  ]),
];
