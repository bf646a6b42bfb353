import type { Context } from '../context.ts';
import type { Statement } from '../database.ts';

/** A bucket after a request asked it for one token. */
export interface Bucket {
  tokens: number;
  at: number;
}

// A clock that fell behind refills nothing; a stamp further ahead than one window comes from a clock that jumped.
const REFILLED = 'min(?1, tokens + max(0, ?2 - at) * ?3)';
const TAKE = `
  ON CONFLICT (bucket) DO UPDATE SET
    tokens = max(0, ${REFILLED} - 1),
    at = CASE WHEN at > ?2 + ?4 THEN ?2 ELSE max(at, ?2) END
  WHERE ${REFILLED} >= 0.999999
  RETURNING tokens, at`;
const INTO = 'INSERT INTO rate_limits (bucket, tokens, at, anonymous)';
const TAKE_NAMED = `${INTO} VALUES (?5, ?1 - 1, ?2, ?6) ${TAKE}`;
const TAKE_BY_TOKEN = `${INTO} SELECT id, ?1 - 1, ?2, 0 FROM users WHERE token_hash = ?5 AND disabled_at IS NULL ${TAKE}`;

/** Takes a token from the bucket `name`, in one statement; no row comes back from an empty bucket. */
export const takeFrom = (ctx: Context, name: string, anonymous: boolean): Statement =>
  ctx.db.prepare(TAKE_NAMED).bind(...terms(ctx), name, anonymous ? 1 : 0);

/** Takes a token from the bucket of the user who has this token; nothing happens where nobody has it. */
export const takeByToken = (ctx: Context, tokenHash: string): Statement =>
  ctx.db.prepare(TAKE_BY_TOKEN).bind(...terms(ctx), tokenHash);

const RESTAMP = 'UPDATE rate_limits SET at = ?1 WHERE bucket = ?2 AND at > ?1 + ?3';

/** An empty bucket that a clock which jumped ahead has stamped would stay empty until that time: begins it anew. */
export async function restamp(ctx: Context, name: string, bucket: Bucket): Promise<Bucket> {
  const now = ctx.now();
  const { RL_WINDOW_MS } = ctx.settings;
  if (bucket.at <= now + RL_WINDOW_MS) return bucket;
  await ctx.db.prepare(RESTAMP).bind(now, name, RL_WINDOW_MS).all();
  return { ...bucket, at: now };
}

/** The tokens of a bucket by now, as the statement that takes one reckons; a bucket that is not there yet is full. */
export function refilled(ctx: Context, bucket: { tokens: number | null; at: number | null } | null): Bucket {
  const { RL_CAPACITY, RL_WINDOW_MS } = ctx.settings;
  const now = ctx.now();
  const { tokens, at } = bucket ?? {};
  if (typeof tokens !== 'number' || typeof at !== 'number') return { tokens: RL_CAPACITY, at: now };
  const gained = Math.max(0, now - at) * (RL_CAPACITY / RL_WINDOW_MS);
  return { tokens: Math.min(RL_CAPACITY, tokens + gained), at: Math.max(at, now) };
}

const terms = (ctx: Context): [number, number, number, number] => {
  const { RL_CAPACITY, RL_WINDOW_MS } = ctx.settings;
  return [RL_CAPACITY, ctx.now(), RL_CAPACITY / RL_WINDOW_MS, RL_WINDOW_MS];
};

/** The headers RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers), for every answer. */
export function limitHeaders(ctx: Context, bucket: Bucket): Record<string, string> {
  const { RL_CAPACITY, RL_WINDOW_MS } = ctx.settings;
  const refill = Math.ceil(((RL_CAPACITY - bucket.tokens) * RL_WINDOW_MS) / RL_CAPACITY / 1000);
  return {
    'ratelimit-policy': `"default";q=${RL_CAPACITY};w=${Math.ceil(RL_WINDOW_MS / 1000)}`,
    ratelimit: `"default";r=${Math.floor(bucket.tokens)};t=${Math.max(0, refill)}`,
  };
}

/** Whole seconds until an empty bucket holds a token again, at least 1. */
export function secondsUntilToken(ctx: Context, bucket: Bucket): number {
  const { RL_CAPACITY, RL_WINDOW_MS } = ctx.settings;
  const perToken = RL_WINDOW_MS / RL_CAPACITY;
  const wait = (1 - bucket.tokens) * perToken - (ctx.now() - bucket.at);
  return Math.max(1, Math.ceil(wait / 1000));
}
