import { type Context, toTimestamp } from '../context.ts';
import { nextDue } from '../lifecycle/claim.ts';
import { percentiles } from './percentiles.ts';
import { countsOf, type Report, selectCounts } from './report.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Most log rows a snapshot looks at: where a minute wrote more, every so many of them stand for all. */
export const MAX_SAMPLE = 3000;
const MAX_TIMED = 500;
const MAX_PRUNED = 500;

/** What happened since the snapshot before, and how things stood: the body of a row, and an item on the wire. */
interface Snapshot {
  counts: Report['counts'];
  totals: Report['totals'];
  /** Log rows by event; where `every` is more than 1, an estimate from one row in so many. */
  events: Record<string, number>;
  every: number;
  /** The time that `events` cover; 0 in the first snapshot, which has none. */
  span_ms: number;
  wait_ms: ReturnType<typeof percentiles>;
  run_ms: ReturnType<typeof percentiles>;
  /** How long the oldest due job has waited; 0 where none is due. */
  oldest_due_ms: number;
  /** When a worker last claimed something, in milliseconds since 1970, as far as snapshots know. */
  claimed_at: number | null;
}

const LAST = `SELECT at, through, body ->> 'claimed_at' AS claimed_at FROM dumps ORDER BY minute DESC LIMIT 1`;
const HEAD = 'SELECT coalesce(max(seq), 0) AS head FROM logs';
// Log rows after ?1 up to ?2, one in ?3. Their numbers have no gaps but where jobs were pruned.
const PICKED = `WITH RECURSIVE picked (seq) AS (
  SELECT CAST(?1 + 1 AS INTEGER) UNION ALL SELECT CAST(seq + ?3 AS INTEGER) FROM picked WHERE seq + ?3 <= ?2)`;
const EVENTS = `${PICKED}
  SELECT event, count(*) AS n, max(at) AS at FROM picked CROSS JOIN logs ON logs.seq = picked.seq GROUP BY event`;
const TIMES = `${PICKED}
  SELECT jobs.started_at - max(jobs.run_at, jobs.created_at) AS wait, jobs.finished_at - jobs.started_at AS ran
  FROM picked CROSS JOIN logs ON logs.seq = picked.seq CROSS JOIN jobs ON jobs.seq = logs.job_seq
  WHERE logs.event = 'done' AND jobs.status = 'done' LIMIT ${MAX_TIMED}`;
const INSERT = `INSERT INTO dumps (minute, at, through, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (minute) DO NOTHING`;
const PRUNE = `DELETE FROM dumps WHERE minute IN (
  SELECT minute FROM dumps WHERE minute < ?1 ORDER BY minute LIMIT ${MAX_PRUNED})`;

interface Mark {
  at: number;
  through: number;
  claimed_at: number | null;
}

/** The minute a snapshot taken now belongs to. */
export const minuteOf = (now: number): number => Math.floor(now / MINUTE_MS);

/**
 * Writes the snapshot of this minute, unless another coordinator has, and drops those past DUMP_RETENTION_DAYS.
 * Reads a bounded number of rows. A snapshot that cannot be written is left out: it is not worth a tick.
 */
export async function dump(ctx: Context): Promise<void> {
  const now = ctx.now();
  const { DUMP_RETENTION_DAYS: days } = ctx.settings;
  try {
    const { through, body } = await look(ctx, now);
    const kept = days === 0 ? 0 : minuteOf(now - days * DAY_MS);
    await ctx.db.batch([
      ctx.db.prepare(INSERT).bind(minuteOf(now), now, through, JSON.stringify(body)),
      ctx.db.prepare(PRUNE).bind(kept),
    ]);
  } catch (error) {
    ctx.log('warn', 'No snapshot could be written.', { cause: String(error) });
  }
}

async function look(ctx: Context, now: number): Promise<{ through: number; body: Snapshot }> {
  const [last, head, counted] = await ctx.db.batch<object>([
    ctx.db.prepare(LAST),
    ctx.db.prepare(HEAD),
    selectCounts(ctx, null),
  ]);
  const through = (head?.results[0] as { head: number } | undefined)?.head ?? 0;
  const before = last?.results[0] as Mark | undefined;
  const sample = before && through > before.through ? await sampleOf(ctx, before.through, through) : nothing;
  const due = await nextDue(ctx);
  const claims = sample.claimedAt ?? before?.claimed_at ?? null;
  return {
    through,
    body: {
      ...countsOf(counted?.results ?? []),
      events: sample.events,
      every: sample.every,
      span_ms: before ? Math.max(0, now - before.at) : 0,
      wait_ms: percentiles(sample.waits),
      run_ms: percentiles(sample.runs),
      oldest_due_ms: due === null ? 0 : Math.max(0, now - due),
      claimed_at: claims,
    },
  };
}

const nothing = { events: {}, every: 1, waits: [], runs: [], claimedAt: undefined };

async function sampleOf(ctx: Context, after: number, through: number) {
  const every = Math.ceil((through - after) / MAX_SAMPLE);
  const [counted, timed] = await ctx.db.batch<object>(
    [EVENTS, TIMES].map((sql) => ctx.db.prepare(sql).bind(after, through, every)),
  );
  const rows = (counted?.results ?? []) as { event: string; n: number; at: number }[];
  const times = (timed?.results ?? []) as { wait: number; ran: number }[];
  return {
    events: Object.fromEntries(rows.map(({ event, n }) => [event, n * every])),
    every,
    // Hosts whose clocks differ may have started a job before it was due.
    waits: times.map(({ wait }) => Math.max(0, wait)),
    runs: times.map(({ ran }) => Math.max(0, ran)),
    claimedAt: rows.find(({ event }) => event === 'claimed')?.at,
  };
}

/** Most snapshots an answer holds. */
export const MAX_POINTS = 1500;

const READ = 'SELECT at, body FROM json_each(?1) AS wanted CROSS JOIN dumps ON dumps.minute = wanted.value';

/** The snapshots since a time, one of every so many minutes, oldest first, and when the ticks were last heard of. */
export async function listDumps(ctx: Context, since: number, every: number) {
  const end = minuteOf(ctx.now());
  const start = Math.max(Math.ceil(since / MINUTE_MS / every), Math.floor(end / every) - MAX_POINTS + 1);
  const minutes = [];
  for (let minute = start * every; minute <= end; minute += every) minutes.push(minute);
  const [found, last] = await ctx.db.batch<object>([
    ctx.db.prepare(READ).bind(JSON.stringify(minutes)),
    ctx.db.prepare(LAST),
  ]);
  const mark = last?.results[0] as Mark | undefined;
  return {
    items: ((found?.results ?? []) as { at: number; body: string }[]).map(toDump),
    coordinated_at: toTimestamp(mark?.at ?? null),
    claimed_at: toTimestamp(mark?.claimed_at ?? null),
  };
}

const toDump = ({ at, body }: { at: number; body: string }) => {
  const { claimed_at: _, ...snapshot } = JSON.parse(body) as Snapshot;
  return { at: toTimestamp(at), ...snapshot };
};
