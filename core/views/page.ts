import type { Context } from '../context.ts';
import type { SqlValue } from '../database.ts';
import { decodeCursor, encodeCursor } from '../http/cursor.ts';
import { repeatable } from '../repeat.ts';

export interface Page<Row> {
  rows: Row[];
  next_cursor: string | null;
}

/** A list in descending order of `seq`. Filters are SQL conditions on `row`; null values leave one out. */
export interface Listing {
  table: 'jobs' | 'logs' | 'users';
  columns: string;
  /** Conditions an index finds; the list is walked along them. */
  along: Record<string, SqlValue>;
  /** A further condition as literal SQL, where a partial index needs to see it. Never built from input. */
  literal: string;
  /** Conditions each row walked is held against. */
  filter: Record<string, SqlValue>;
  /** Names caller and list, so that a cursor is good for this list only. */
  scope: string;
  cursor: string | undefined;
  limit: number;
}

/** Most rows a page walks while it looks for matches: a page may be short, even empty, and still have a next one. */
export const MAX_WALK = 20_000;

/** One page, newest first. Its cost is bounded whatever the table holds. Throws the problem bad_cursor. */
export async function page<Row extends { seq: number }>(ctx: Context, list: Listing): Promise<Page<Row>> {
  const scope = JSON.stringify([list.scope, list.along, list.filter]);
  const before = list.cursor === undefined ? null : decodeCursor(scope, list.cursor);
  const along = terms(list.along, 2);
  const filter = terms(list.filter, 2 + along.values.length);
  const walk = `SELECT * FROM ${list.table} WHERE seq < ?1 ${along.sql} ${list.literal} ORDER BY seq DESC`;
  const start = before ?? Number.MAX_SAFE_INTEGER;
  const read = () =>
    ctx.db.batch<Row>([
      ctx.db
        .prepare(
          `SELECT ${list.columns} FROM (${walk} LIMIT ${MAX_WALK}) AS ${list.table} WHERE true ${filter.sql} LIMIT ${list.limit + 1}`,
        )
        .bind(start, ...along.values, ...filter.values),
      // Where the walk ends. Without a filter every row of it is a match: it ends with the page, or there is no more.
      ...(filter.sql === ''
        ? []
        : [ctx.db.prepare(`SELECT seq FROM (${walk} LIMIT 1 OFFSET ${MAX_WALK - 1})`).bind(start, ...along.values)]),
    ]);
  const [found, horizon] = await repeatable(ctx, read);
  const rows = found?.results ?? [];
  const full = rows.length > list.limit;
  if (full) rows.pop();
  const last = full ? rows.at(-1)?.seq : horizon?.results[0]?.seq;
  return { rows, next_cursor: last === undefined ? null : encodeCursor(scope, last) };
}

function terms(conditions: Record<string, SqlValue>, first: number): { sql: string; values: SqlValue[] } {
  const used = Object.entries(conditions).filter(([, value]) => value !== null);
  return {
    sql: used.map(([column], i) => `AND ${column} = ?${first + i}`).join(' '),
    values: used.map(([, value]) => value),
  };
}
