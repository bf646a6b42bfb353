import type { Context, Env } from './context.ts';

/** How long an isolate trusts the difference it measured between its clock and the database's. */
const TRUST_MS = 60_000;
/** A longer round trip says too little of when the database answered: a host that was suspended in it would be hours off. */
const MAX_ROUND_TRIP_MS = 200;
const MAX_MEASURES = 4;

interface Offset {
  ms: number;
  /** By the host's clock. */
  measuredAt: number;
  roundTrip: number;
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

/** The difference as the shortest of some round trips shows it, which is wrong by half of that round trip at most. */
async function measure(ctx: Context): Promise<Offset> {
  let best = await measureOnce(ctx);
  for (let n = 1; best.roundTrip > MAX_ROUND_TRIP_MS && n < MAX_MEASURES; n++) {
    const next = await measureOnce(ctx);
    if (next.roundTrip < best.roundTrip) best = next;
  }
  offsets.set(ctx.env, best);
  return best;
}

async function measureOnce(ctx: Context): Promise<Offset> {
  const before = ctx.now();
  const row = await ctx.db
    .prepare("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now")
    .first<{ now: number }>();
  const after = ctx.now();
  // A clock that was set back meanwhile makes a round trip of less than nothing, which says nothing either.
  const roundTrip = after < before ? Number.POSITIVE_INFINITY : after - before;
  return { ms: Math.round((row?.now ?? after) - (before + after) / 2), measuredAt: after, roundTrip };
}
