import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../../core/database.ts';
import { migrationsIn, TABLE } from '../migrate.ts';
import { DatabaseError } from '../sqlite.ts';

/** The migrations that a D1 database lacks, in order. Throws a DatabaseError for one that a newer version has migrated. */
export async function pendingInD1(db: Database, folder: string): Promise<string[]> {
  await db.prepare(TABLE).all();
  const { results } = await db.prepare('SELECT name FROM migrations ORDER BY id').all<{ name: string }>();
  const applied = results.map(({ name }) => name);
  const known = migrationsIn(folder);
  const newer = applied.find((name) => !known.includes(name));
  if (newer)
    throw new DatabaseError(
      `The database was made by a newer version (it has ${newer}, unknown here); nothing was changed.`,
    );
  return known.filter((name) => !applied.includes(name));
}

/** Applies the pending migrations, each in one batch, so whole or not at all; their names. */
export async function migrateD1(db: Database, folder: string): Promise<string[]> {
  const pending = await pendingInD1(db, folder);
  for (const name of pending) {
    const statements = statementsIn(readFileSync(join(folder, name), 'utf8')).map((sql) => db.prepare(sql));
    await db.batch([...statements, db.prepare('INSERT INTO migrations (name) VALUES (?1)').bind(name)]);
  }
  return pending;
}

/** The statements of a migration: each ends with a line that ends in `;`, a trigger with one that ends in `END;`. */
export function statementsIn(sql: string): string[] {
  const statements: string[] = [];
  let open = '';
  for (const line of sql.split('\n')) {
    open += `${line}\n`;
    const code = open.replaceAll(/--.*/g, '').trim();
    if (!/^CREATE TRIGGER\b/i.test(code) ? !code.endsWith(';') : !/\bEND;$/i.test(code)) continue;
    statements.push(code);
    open = '';
  }
  if (open.replaceAll(/--.*/g, '').trim()) throw new Error('The migration ends in the middle of a statement.');
  return statements;
}
