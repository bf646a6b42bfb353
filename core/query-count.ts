import type { Context } from './context.ts';

const counts = new WeakMap<Context['db'], { queries: number }>();

/** The context with a database that counts its queries: platforms bound how many an invocation may make. */
export function counted(ctx: Context): Context {
  if (ctx.settings.TICK_MAX_QUERIES === 0) return ctx;
  const count = { queries: 0 };
  const { db } = ctx;
  const counting: Context['db'] = {
    prepare(sql) {
      count.queries += 1;
      return db.prepare(sql);
    },
    batch: (statements) => db.batch(statements),
  };
  counts.set(counting, count);
  return { ...ctx, db: counting };
}

/** Whether the tick may begin something new; what is under way needs a tenth of its queries to end well. */
export function mayQuery(ctx: Context): boolean {
  const { TICK_MAX_QUERIES } = ctx.settings;
  return TICK_MAX_QUERIES === 0 || (counts.get(ctx.db)?.queries ?? 0) < TICK_MAX_QUERIES * 0.9;
}
