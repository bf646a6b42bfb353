/** What a statement can be given: D1 takes no more than these, so nothing else passes anywhere. */
export type SqlValue = string | number | null;

/** A prepared statement; `?1` is the first bound value. A write without RETURNING answers no rows. */
export interface Statement {
  bind(...values: SqlValue[]): Statement;
  all<Row = Record<string, unknown>>(): Promise<{ results: Row[] }>;
  first<Row = Record<string, unknown>>(): Promise<Row | null>;
}

/**
 * The database port: a structural subset of Cloudflare's D1Database. `batch` is atomic: all of its
 * statements take effect in order, each seeing the earlier ones, or none does.
 */
export interface Database {
  prepare(sql: string): Statement;
  batch<Row = Record<string, unknown>>(statements: Statement[]): Promise<{ results: Row[] }[]>;
}
