import type { Context, Env } from './context.ts';

/** How long an isolate trusts the difference it measured between its clock and the database's. */
const TRUST_MS = 60_000;

interface Offset {
  ms: number;
  /** By the host's clock. */
  measuredAt: number;
}

const offsets = new WeakMap<Env, Offset>();

/**
 * The context with its clock set by the database's where CLOCK is `database`: hosts whose clocks differ then agree
 * on what is due and on which leases have expired. Costs a query a minute; a tick asks anew each time.
 */
export async function onOneClock(ctx: Context, { anew = false } = {}): Promise<Context> {
  if (ctx.settings.CLOCK !== 'database') return ctx;
  const host = ctx.now;
  const known = offsets.get(ctx.env);
  const trusted = known && !anew && Math.abs(host() - known.measuredAt) < TRUST_MS;
  const { ms } = trusted ? known : await measure(ctx);
  return { ...ctx, now: () => host() + ms };
}

async function measure(ctx: Context): Promise<Offset> {
  const before = ctx.now();
  const row = await ctx.db
    .prepare("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now")
    .first<{ now: number }>();
  const after = ctx.now();
  // The database answered somewhere in between; a round trip is short beside a lease.
  const offset = { ms: Math.round((row?.now ?? after) - (before + after) / 2), measuredAt: after };
  offsets.set(ctx.env, offset);
  return offset;
}
