import type Sqlite from 'better-sqlite3';

/** Everything a database holds, but for rate-limit buckets: what a refused request must leave as it was. */
export function contentsOf(db: Sqlite.Database): Record<string, unknown[]> {
  const tables = db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'rate_limits'",
    )
    .pluck()
    .all() as string[];
  return Object.fromEntries(tables.map((name) => [name, db.prepare(`SELECT * FROM ${name} ORDER BY 1, 2`).all()]));
}
