import type { Context } from '../context.ts';
import { backoff } from './backoff.ts';
import type { Claimed } from './claim.ts';
import { type Edge, edge, step } from './edge.ts';
import type { Lease } from './heartbeat.ts';
import { type Recorded, remark } from './remark.ts';

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

const ENTRIES = 'json_each(?2) AS entry';
const FENCED = 'jobs.seq = entry.value ->> 0 AND jobs.lease_epoch = entry.value ->> 1';

// Goes first, so that whatever the handler came to, a job somebody asked to cancel ends as cancelled.
// It walks the jobs being cancelled, of which there are few, not the set.
const CANCELLED = edge({
  event: 'cancelled',
  from: 'running',
  to: 'cancelled',
  where: `jobs.cancel_requested_at IS NOT NULL AND jobs.seq IN (
    SELECT asked.seq FROM jobs AS asked INDEXED BY jobs_cancelling CROSS JOIN ${ENTRIES}
    WHERE asked.status = 'running' AND asked.cancel_requested_at IS NOT NULL
      AND asked.seq = entry.value ->> 0 AND asked.lease_epoch = entry.value ->> 1)`,
});

const DONE = edge({
  event: 'done',
  from: 'running',
  to: 'done',
  each: ENTRIES,
  where: FENCED,
  set: 'result = entry.value ->> 2, error = NULL',
});

const FAILED = edge({
  event: 'failed',
  from: 'running',
  to: 'failed',
  level: 'warn',
  each: ENTRIES,
  where: FENCED,
  set: `retries = retries + 1, run_at = ?1 + (entry.value ->> 2), permanent = entry.value ->> 3, error = entry.value ->> 4`,
  message: 'entry.value ->> 4',
  data: `json_object('wait_ms', entry.value ->> 2, 'permanent', json(iif(entry.value ->> 3, 'true', 'false')))`,
});

const RELEASED = edge({
  event: 'released',
  from: 'running',
  to: 'pending',
  each: ENTRIES,
  where: FENCED,
  // What was only given back keeps its place.
  set: 'run_at = iif(entry.value ->> 2 > 0, max(run_at, ?1 + (entry.value ->> 2)), run_at)',
  message: 'entry.value ->> 3',
});

type Kind = 'done' | 'failed' | 'released';
const EDGES: Record<Kind, Edge> = { done: DONE, failed: FAILED, released: RELEASED };

/** How many jobs ended in each way; `stale` are those whose lease this worker had lost: nothing was written for them. */
export type SettleCounts = Record<Kind | 'cancelled' | 'stale', number>;

/** Writes the outcomes of a set of runs, fenced by epoch, each with its log row, in one atomic batch. */
export async function settle(ctx: Context, worker: string, set: readonly Settled[]): Promise<SettleCounts> {
  const now = ctx.now();
  const leases = JSON.stringify(set.map(({ job }) => [job.seq, job.lease_epoch]));
  const kinds = (Object.keys(EDGES) as Kind[]).filter((kind) => set.some(({ outcome }) => outcome.kind === kind));
  const statements = [
    ...step(ctx.db, CANCELLED, now, leases),
    ...kinds.flatMap((kind) => step(ctx.db, EDGES[kind], now, JSON.stringify(entriesOf(ctx, kind, set)))),
  ];
  const results = await ctx.db.batch<{ seq: number }>(statements);
  const seqs = results.filter((_, i) => i % 2 === 1).map((updated) => updated.results.map(({ seq }) => seq));
  const counts = { done: 0, failed: 0, released: 0, cancelled: seqs[0]?.length ?? 0, stale: 0 };
  for (const [i, kind] of kinds.entries()) counts[kind] = seqs[i + 1]?.length ?? 0;
  const unwritten = set.length - seqs.flat().length;
  const recorded = unwritten > 0 ? await reportStale(ctx, worker, set, new Set(seqs.flat())) : [];
  for (const kind of recorded) counts[kind] += 1;
  counts.stale = unwritten - recorded.length;
  return counts;
}

type Entry = (number | string)[];

function entriesOf(ctx: Context, kind: Kind, set: readonly Settled[]): Entry[] {
  return set.flatMap(({ job, outcome }) => {
    const lease = [job.seq, job.lease_epoch];
    if (outcome.kind !== kind) return [];
    if (outcome.kind === 'done') return [[...lease, outcome.result]];
    if (outcome.kind === 'released') return [[...lease, outcome.after ?? 0, outcome.reason]];
    // What has no retry left is due for burial at once.
    const spent = outcome.permanent || job.retries + 1 > job.max_retries;
    const wait = spent ? 0 : backoff(ctx, job.retries + 1, outcome.after);
    return [[...lease, wait, outcome.permanent ? 1 : 0, outcome.error]];
  });
}

/** The outcomes of those that an earlier try of this worker had recorded after all. */
function reportStale(ctx: Context, worker: string, set: readonly Settled[], written: Set<number>): Promise<Recorded[]> {
  const stale = set.filter(({ job }) => !written.has(job.seq));
  return remark(
    ctx,
    stale.map(({ job, outcome }) => ({
      lease: job,
      worker,
      message:
        outcome.kind === 'lost'
          ? 'A heartbeat came after the lease was lost.'
          : `The outcome ${outcome.kind} came after the lease was lost; it was not recorded.`,
    })),
  );
}
