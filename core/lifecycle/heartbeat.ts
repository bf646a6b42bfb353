import type { Context } from '../context.ts';
import type { Claimed } from './claim.ts';

/** What names a lease: a job and the epoch under which it was claimed. */
export type Lease = Pick<Claimed, 'seq' | 'lease_epoch'>;

const EXTEND = `
  UPDATE jobs SET lease_until = ?1 FROM json_each(?2) AS entry
  WHERE jobs.seq = entry.value ->> 0 AND jobs.lease_epoch = entry.value ->> 1 AND jobs.status = 'running'
  RETURNING jobs.seq`;

/** Extends the leases that are still held; the seqs of those. What is missing was lost to another epoch. */
export async function heartbeat(ctx: Context, leases: readonly Lease[]): Promise<Set<number>> {
  const until = ctx.now() + ctx.settings.LEASE_MS;
  const { results } = await ctx.db.prepare(EXTEND).bind(until, leaseSet(leases)).all<{ seq: number }>();
  return new Set(results.map(({ seq }) => seq));
}

const CANCELLING = `
  SELECT seq FROM jobs WHERE status = 'running' AND cancel_requested_at IS NOT NULL
    AND (seq, lease_epoch) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))`;

/** Of these leases, the seqs of those whose jobs somebody has asked to cancel. */
export async function cancelRequests(ctx: Context, leases: readonly Lease[]): Promise<number[]> {
  const { results } = await ctx.db.prepare(CANCELLING).bind(leaseSet(leases)).all<{ seq: number }>();
  return results.map(({ seq }) => seq);
}

const leaseSet = (leases: readonly Lease[]): string =>
  JSON.stringify(leases.map(({ seq, lease_epoch }) => [seq, lease_epoch]));
