import type { Context } from '../context.ts';

const NEWEST = 'SELECT name FROM migrations ORDER BY id DESC LIMIT 1';

/** The name of the migration that was applied last; undefined where none was. */
export async function newestMigration(ctx: Context): Promise<string | undefined> {
  return (await ctx.db.prepare(NEWEST).first<{ name: string }>())?.name;
}
