import type { Caller } from '../access/admit.ts';
import { type Context, real, toTimestamp } from '../context.ts';
import { decodeCursor, encodeCursor } from '../http/cursor.ts';
import { nextDue } from '../lifecycle/claim.ts';
import { repeatable } from '../repeat.ts';
import { scopeOf } from './jobs.ts';
import { LOG_ROW, type LogRow, toLog } from './logs.ts';
import { countsOf, selectCounts } from './report.ts';

/** Time between two looks at the log. A look is one seek in an index, whatever the tables hold. */
const LOOK_MS = 500;
/** Most log entries that one piece of news holds. */
export const MAX_NEWS = 50;

export interface Watch {
  after?: string | undefined;
  /** Seconds to wait for news. */
  wait: number;
  /** Whether to go on after the first news, until the wait is over. */
  follow: boolean;
}

/**
 * What happened to the caller's jobs, or for an admin to all, since the cursor `after`: at once where something did or
 * none is given, else as soon as something does or the wait is over. Ends early when the host stops or `signal` aborts.
 */
export async function* live(ctx: Context, caller: Caller, watch: Watch, signal: AbortSignal) {
  const scope = `live for ${caller.id}`;
  const looks = Math.ceil((watch.wait * 1000) / LOOK_MS);
  let seen = watch.after === undefined ? undefined : decodeCursor(scope, watch.after);
  let told = false;
  for (let look = 0; !signal.aborted; look++) {
    const newest = await head(ctx, caller);
    const last = look >= looks || ctx.env.STOPPING?.aborted;
    if (seen === undefined || newest > seen || (last && !told)) {
      yield await news(ctx, caller, scope, seen ?? 0, newest);
      if (!watch.follow) return;
      seen = newest;
      told = true;
    }
    if (last) return;
    // Whoever watches does so by the clock on the wall: where a test or the emulator holds time, news comes all the same.
    await real.sleep(LOOK_MS, signal);
  }
}

const HEAD = 'SELECT coalesce(max(seq), 0) AS head FROM logs';
const HEAD_OF = `${HEAD} WHERE owner_id = ?1`;

async function head(ctx: Context, caller: Caller): Promise<number> {
  const owner = scopeOf(caller);
  const newest = owner === null ? ctx.db.prepare(HEAD) : ctx.db.prepare(HEAD_OF).bind(owner);
  return (await repeatable(ctx, () => newest.first<{ head: number }>()))?.head ?? 0;
}

const select = (owned: string) => `SELECT ${LOG_ROW} FROM logs WHERE seq > ?1 AND seq <= ?2 ${owned}
  ORDER BY seq DESC LIMIT ${MAX_NEWS + 1}`;
const SINCE = select('');
const SINCE_OF = select('AND owner_id = ?3');

async function news(ctx: Context, caller: Caller, scope: string, after: number, through: number) {
  const owner = scopeOf(caller);
  const logs =
    owner === null ? ctx.db.prepare(SINCE).bind(after, through) : ctx.db.prepare(SINCE_OF).bind(after, through, owner);
  const read = () => ctx.db.batch<object>([logs, selectCounts(ctx, owner)]);
  const [found, counted] = await repeatable(ctx, read);
  const rows = (found?.results ?? []) as LogRow[];
  const due = owner === null ? await nextDue(ctx) : null;
  return {
    cursor: encodeCursor(scope, through),
    at: toTimestamp(ctx.now()),
    ...countsOf(counted?.results ?? []),
    next_due_at: toTimestamp(due),
    logs: rows.slice(0, MAX_NEWS).map(toLog),
    more: rows.length > MAX_NEWS,
  };
}

/** A text of lines, one JSON value each, as they come. Whoever stops reading ends it. */
export async function lines(
  ctx: Context,
  make: (signal: AbortSignal) => AsyncGenerator<unknown>,
): Promise<ReadableStream> {
  const gone = new AbortController();
  const values = make(gone.signal);
  const encoder = new TextEncoder();
  // What is wrong with the request is known before the answer begins.
  let next = await values.next();
  return new ReadableStream({
    async pull(controller) {
      if (next.done) return controller.close();
      controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
      try {
        next = await values.next();
      } catch (error) {
        ctx.log('warn', 'A watcher was let go.', { cause: String(error) });
        next = { done: true, value: undefined };
      }
      if (next.done) controller.close();
    },
    cancel: () => gone.abort(),
  });
}
