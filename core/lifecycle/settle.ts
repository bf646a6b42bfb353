import type { Context } from '../context.ts';
import type { Statement } from '../database.ts';
import { backoff } from './backoff.ts';
import type { Claimed } from './claim.ts';
import { type Edge, edge, step } from './edge.ts';
import type { Lease } from './heartbeat.ts';
import { remark } from './remark.ts';

/**
 * How a run ended. `result` is JSON text; `after` milliseconds; a permanent failure is never retried. Of a run whose
 * lease was lost nothing is written but that it was.
 */
export type Outcome =
  | { kind: 'done'; result: string }
  | { kind: 'failed'; error: string; permanent?: boolean; after?: number }
  | { kind: 'released'; reason: string; after?: number }
  | { kind: 'cancelled' }
  | { kind: 'lost' };

export interface Settled {
  job: Lease & Pick<Claimed, 'retries' | 'max_retries'>;
  outcome: Outcome;
}

// An entry of the set is named by its lease, `seq:epoch`: a cast to a number reads as far as the colon, and nothing of
// the set is parsed once for each job.
const ENTRIES = 'json_each(?2) AS entry';
const FENCED = "jobs.seq = CAST(entry.key AS INTEGER) AND entry.key = jobs.seq || ':' || jobs.lease_epoch";

// Goes first, so that whatever the handler came to, a job somebody asked to cancel ends as cancelled.
// It walks the jobs being cancelled, of which there are few, not the set.
const CANCELLED = edge({
  event: 'cancelled',
  from: 'running',
  to: 'cancelled',
  where: `jobs.cancel_requested_at IS NOT NULL AND jobs.seq IN (
    SELECT asked.seq FROM jobs AS asked INDEXED BY jobs_cancelling CROSS JOIN ${ENTRIES}
    WHERE asked.status = 'running' AND asked.cancel_requested_at IS NOT NULL
      AND entry.key = asked.seq || ':' || asked.lease_epoch)`,
  returning: null,
});

const DONE = edge({
  event: 'done',
  from: 'running',
  to: 'done',
  each: ENTRIES,
  where: FENCED,
  set: 'result = entry.value, error = NULL',
  returning: null,
});

const FAILED = edge({
  event: 'failed',
  from: 'running',
  to: 'failed',
  level: 'warn',
  each: ENTRIES,
  where: FENCED,
  set: `retries = retries + 1, run_at = ?1 + (entry.value ->> 0), permanent = entry.value ->> 1, error = entry.value ->> 2`,
  message: 'entry.value ->> 2',
  data: `json_object('wait_ms', entry.value ->> 0, 'permanent', json(iif(entry.value ->> 1, 'true', 'false')))`,
  returning: null,
});

const RELEASED = edge({
  event: 'released',
  from: 'running',
  to: 'pending',
  each: ENTRIES,
  where: FENCED,
  // What was only given back keeps its place.
  set: 'run_at = iif(entry.value ->> 0 > 0, max(run_at, ?1 + (entry.value ->> 0)), run_at)',
  message: 'entry.value ->> 1',
  returning: null,
});

// How many jobs the update before it changed. To have each named costs more than the rare second look at a set of
// which some were not written.
const CHANGED = 'SELECT changes() AS n';

type Kind = 'done' | 'failed' | 'released';
const EDGES: Record<Kind, Edge> = { done: DONE, failed: FAILED, released: RELEASED };

/** How many jobs ended in each way; `stale` are those whose lease this worker had lost: nothing was written for them. */
export type SettleCounts = Record<Kind | 'cancelled' | 'stale', number>;

/** Writes the outcomes of a set of runs, fenced by epoch, each with its log row, in one atomic batch. */
export async function settle(ctx: Context, worker: string, set: readonly Settled[]): Promise<SettleCounts> {
  const now = ctx.now();
  const kinds = (Object.keys(EDGES) as Kind[]).filter((kind) => set.some(({ outcome }) => outcome.kind === kind));
  const results = await ctx.db.batch<{ n: number }>([
    ...counted(ctx, CANCELLED, now, asSet(set.map(({ job }) => entry(job, 0)))),
    ...kinds.flatMap((kind) => counted(ctx, EDGES[kind], now, asSet(entriesOf(ctx, kind, set)))),
  ]);
  const changed = results.filter((_, i) => i % 3 === 2).map(({ results: [row] }) => row?.n ?? 0);
  const written = changed.reduce((sum, n) => sum + n, 0);
  const counts = { done: 0, failed: 0, released: 0, cancelled: changed[0] ?? 0, stale: 0 };
  for (const [i, kind] of kinds.entries()) counts[kind] = changed[i + 1] ?? 0;
  return written === set.length ? counts : countRecorded(ctx, worker, set);
}

const counted = ({ db }: Context, edge: Edge, now: number, set: string): Statement[] => [
  ...step(db, edge, now, set),
  db.prepare(CHANGED),
];

const asSet = (entries: readonly string[]): string => `{${entries.join(',')}}`;
const entry = ({ seq, lease_epoch }: Lease, value: unknown): string =>
  `"${seq}:${lease_epoch}":${JSON.stringify(value)}`;

function entriesOf(ctx: Context, kind: Kind, set: readonly Settled[]): string[] {
  return set.flatMap(({ job, outcome }) => {
    if (outcome.kind !== kind) return [];
    if (outcome.kind === 'done') return [entry(job, outcome.result)];
    if (outcome.kind === 'released') return [entry(job, [outcome.after ?? 0, outcome.reason])];
    // What has no retry left is due for burial at once.
    const spent = outcome.permanent || job.retries + 1 > job.max_retries;
    const wait = spent ? 0 : backoff(ctx, job.retries + 1, outcome.after);
    return [entry(job, [wait, outcome.permanent ? 1 : 0, outcome.error])];
  });
}

/** What the log says of a set of which not all was written now: an earlier try of this worker may have recorded the rest. */
async function countRecorded(ctx: Context, worker: string, set: readonly Settled[]): Promise<SettleCounts> {
  const recorded = await remark(
    ctx,
    set.map(({ job, outcome }) => ({
      lease: job,
      worker,
      message:
        outcome.kind === 'lost'
          ? 'A heartbeat came after the lease was lost.'
          : `The outcome ${outcome.kind} came after the lease was lost; it was not recorded.`,
    })),
  );
  const counts = { done: 0, failed: 0, released: 0, cancelled: 0, stale: set.length - recorded.length };
  for (const kind of recorded) counts[kind] += 1;
  return counts;
}
