import type { Context } from '../context.ts';
import type { Statement } from '../database.ts';
import { Problem } from '../http/problem.ts';
import { digest, sameDigest } from '../ids.ts';
import type { Settings } from '../settings.ts';
import { isFull } from '../storage-fault.ts';
import {
  type Bucket,
  limitHeaders,
  refilled,
  restamp,
  secondsUntilToken,
  takeByToken,
  takeFrom,
} from './rate-limit.ts';
import { bucketOfStranger } from './stranger.ts';

/** Who asks. `id` is the owner_id of what they schedule. */
export interface Caller {
  id: string;
  role: 'admin' | 'user';
}

/** Who may call an endpoint; `anyone` needs no token. */
export type Access = 'anyone' | 'user' | 'admin';

/** What an admitted request got: its caller (none on an open route) and the rate-limit headers of its answer. */
export interface Admission {
  caller?: Caller;
  headers: Record<string, string>;
}

const LOOK_UP = `
  SELECT u.id, u.role, r.tokens, r.at FROM users u LEFT JOIN rate_limits r ON r.bucket = u.id
  WHERE u.token_hash = ?1 AND u.disabled_at IS NULL`;
const BUCKET = 'SELECT tokens, at FROM rate_limits WHERE bucket = ?1';

/**
 * Lets a request in, or throws a Problem: 429 when the bucket is empty, 401 without a valid token (missing,
 * malformed, unknown and disabled look the same), 403 for a user on an admin's route.
 */
export async function admit(ctx: Context, request: Request, access: Access): Promise<Admission> {
  const token = request.headers.get('x-user-auth');
  const found = access === 'anyone' || !token ? undefined : await recognise(ctx, request, token);
  if (!found) {
    const headers = await takeAsStranger(ctx, request);
    if (access === 'anyone') return { headers };
    throw new Problem('unauthorized', 'Send a valid token in the header x-user-auth.', { headers });
  }
  const headers = await spend(ctx, found.caller.id, found.bucket, found.taken);
  if (access === 'admin' && found.caller.role !== 'admin') {
    throw new Problem('forbidden', 'Only an admin may do this.', { headers });
  }
  return { caller: found.caller, headers };
}

const bootstrapDigests = new WeakMap<Settings, string>();

function bootstrapDigest(settings: Settings): string {
  const known = bootstrapDigests.get(settings) ?? digest(settings.BOOTSTRAP_ADMIN_TOKEN);
  bootstrapDigests.set(settings, known);
  return known;
}

interface Found {
  caller: Caller;
  bucket: Bucket;
  taken: boolean;
}

async function recognise(ctx: Context, request: Request, token: string): Promise<Found | undefined> {
  const hash = digest(token);
  const bootstrap = ctx.settings.BOOTSTRAP_ADMIN_TOKEN;
  if (bootstrap && sameDigest(hash, bootstrapDigest(ctx.settings))) {
    return { caller: { id: 'bootstrap', role: 'admin' }, ...(await take(ctx, request, 'bootstrap', false)) };
  }
  const look = ctx.db.prepare(LOOK_UP).bind(hash);
  const { row: user, ...charged } = await charge<Caller & Bucket>(ctx, request, takeByToken(ctx, hash), look);
  return user ? { caller: { id: user.id, role: user.role }, ...charged } : undefined;
}

const take = (ctx: Context, request: Request, name: string, anonymous: boolean) =>
  charge<Bucket>(ctx, request, takeFrom(ctx, name, anonymous), ctx.db.prepare(BUCKET).bind(name));

/**
 * Takes a token and reads what is left. Where the storage is full, a request that only reads is let in without a
 * charge while its bucket would hold a token: docs/decisions/0014.
 */
async function charge<Row extends Bucket>(ctx: Context, request: Request, take: Statement, look: Statement) {
  try {
    const [took, left] = await ctx.db.batch<Row>([take, look]);
    const row = left?.results[0];
    return { row, bucket: row as Bucket, taken: took?.results.length === 1 };
  } catch (error) {
    if (request.method !== 'GET' || !isFull(error)) throw error;
    const row = await look.first<Row>();
    const bucket = refilled(ctx, row);
    return { row: row ?? undefined, bucket, taken: bucket.tokens >= 1 };
  }
}

async function takeAsStranger(ctx: Context, request: Request): Promise<Record<string, string>> {
  const name = bucketOfStranger(ctx, request);
  const { bucket, taken } = await take(ctx, request, name, true);
  return spend(ctx, name, bucket, taken);
}

async function spend(ctx: Context, name: string, bucket: Bucket, taken: boolean): Promise<Record<string, string>> {
  const headers = limitHeaders(ctx, bucket);
  if (taken) return headers;
  const seconds = secondsUntilToken(ctx, await restamp(ctx, name, bucket));
  throw new Problem('rate_limited', `No request is left; the next is in ${seconds} s.`, {
    headers: { ...headers, 'retry-after': String(seconds) },
  });
}
