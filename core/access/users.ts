import { type Context, toTimestamp } from '../context.ts';
import { Problem } from '../http/problem.ts';
import { digest, newId, newToken } from '../ids.ts';
import { repeatable } from '../repeat.ts';
import { page } from '../views/page.ts';
import type { Caller } from './admit.ts';

interface UserRow {
  seq: number;
  id: string;
  name: string;
  role: Caller['role'];
  created_at: number;
  disabled_at: number | null;
}

const COLUMNS = 'seq, id, name, role, created_at, disabled_at';

/** A user as the world sees it; the token is not among its parts. */
export const toUser = (row: UserRow) => ({
  id: row.id,
  name: row.name,
  role: row.role,
  created_at: toTimestamp(row.created_at),
  disabled_at: toTimestamp(row.disabled_at),
});

const READ = `SELECT ${COLUMNS} FROM users WHERE id = ?1`;
const INSERT = 'INSERT INTO users (id, name, role, token_hash, created_at)';
const CREATE = `${INSERT} VALUES (?1, ?2, ?3, ?4, ?5) RETURNING ${COLUMNS}`;
const CREATE_FIRST = `${INSERT} SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM users) RETURNING ${COLUMNS}`;

/** Creates a user. The token is in this answer and nowhere else: the database holds its digest. */
export async function createUser(ctx: Context, name: string, role: Caller['role']) {
  const made = await insert(ctx, CREATE, name, role);
  return { ...toUser(made.row as UserRow), token: made.token };
}

/** Makes the first admin of a database without users; its token, or null where there are users already. */
export async function createFirstAdmin(ctx: Context): Promise<string | null> {
  const made = await insert(ctx, CREATE_FIRST, 'admin', 'admin');
  return made.row ? made.token : null;
}

async function insert(
  ctx: Context,
  sql: string,
  name: string,
  role: string,
): Promise<{ row: UserRow | undefined; token: string }> {
  const [id, token] = [newId(ctx), newToken(ctx)];
  let unsure = false;
  const row = await repeatable(ctx, async () => {
    const earlier = unsure ? await ctx.db.prepare(READ).bind(id).first<UserRow>() : null;
    unsure = true;
    return earlier ?? (await ctx.db.prepare(sql).bind(id, name, role, digest(token), ctx.now()).first<UserRow>());
  });
  return { row: row ?? undefined, token };
}

// A deployment without a bootstrap token (?3 = 0) keeps its last admin: nobody could let another one in.
const DISABLE = `
  UPDATE users SET disabled_at = ?1 WHERE id = ?2 AND disabled_at IS NULL AND (?3 = 1 OR role <> 'admin' OR EXISTS (
    SELECT 1 FROM users AS other WHERE other.role = 'admin' AND other.disabled_at IS NULL AND other.id <> ?2))`;

/** Disables a user at once; null where there is none. A user that is still enabled afterwards is the last admin. */
export async function disableUser(ctx: Context, id: string): Promise<UserRow | null> {
  const rescued = ctx.settings.BOOTSTRAP_ADMIN_TOKEN ? 1 : 0;
  const [, read] = await ctx.db.batch<UserRow>([
    ctx.db.prepare(DISABLE).bind(ctx.now(), id, rescued),
    ctx.db.prepare(READ).bind(id),
  ]);
  return read?.results[0] ?? null;
}

// Whoever replaces its own token may never see the answer: somebody else must be left who could do it again (?4 = 1: bootstrap).
const ROTATE = `
  UPDATE users SET token_hash = ?1 WHERE id = ?2 AND disabled_at IS NULL AND (?4 = 1 OR id <> ?3 OR EXISTS (
    SELECT 1 FROM users AS other WHERE other.role = 'admin' AND other.disabled_at IS NULL AND other.id <> ?2))
  RETURNING ${COLUMNS}`;

/**
 * Gives a user a new token, which is in this answer and nowhere else; the old one is worth nothing at once. Throws a
 * Problem where there is no such user, where it is disabled, and where the caller could lock everybody out.
 */
export async function rotateToken(ctx: Context, id: string, caller: Caller) {
  const token = newToken(ctx);
  const rescued = ctx.settings.BOOTSTRAP_ADMIN_TOKEN ? 1 : 0;
  const [rotated, read] = await ctx.db.batch<UserRow>([
    ctx.db.prepare(ROTATE).bind(digest(token), id, caller.id, rescued),
    ctx.db.prepare(READ).bind(id),
  ]);
  const row = rotated?.results[0];
  if (row) return { ...toUser(row), token };
  const found = read?.results[0];
  if (!found) throw new Problem('not_found', 'There is no user with this id.');
  if (found.disabled_at !== null) throw new Problem('user_disabled', 'A disabled user has no use for a token.');
  throw new Problem(
    'sole_admin',
    'If the answer with the new token were lost, nobody could make another; create a second admin first.',
  );
}

/** A page of users, newest first. */
export async function listUsers(ctx: Context, query: { cursor?: string | undefined; limit: number }, caller: Caller) {
  const { rows, next_cursor } = await page<UserRow>(ctx, {
    table: 'users',
    columns: COLUMNS,
    along: {},
    literal: '',
    filter: {},
    scope: `users for ${caller.id}`,
    ...query,
    cursor: query.cursor,
  });
  return { items: rows.map(toUser), next_cursor };
}
