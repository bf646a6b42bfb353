import type Sqlite from 'better-sqlite3';
import type { SqlValue } from '../core/database.ts';

const columns = new WeakMap<Sqlite.Statement, string[]>();

/**
 * The rows that a raw statement returned, as objects. better-sqlite3 makes such objects, too, but looks up the name of
 * each column for each row, and is half as fast.
 */
export function asObjects<Row>(statement: Sqlite.Statement, rows: readonly SqlValue[][]): Row[] {
  const names = columns.get(statement) ?? statement.columns().map(({ name }) => name);
  columns.set(statement, names);
  const blank: Record<string, SqlValue> = Object.fromEntries(names.map((name) => [name, null]));
  return rows.map((values) => {
    const row = { ...blank };
    for (let i = 0; i < names.length; i++) row[names[i] as string] = values[i] as SqlValue;
    return row as Row;
  });
}
