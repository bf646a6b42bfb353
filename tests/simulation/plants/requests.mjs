import { plant, SCHEMA, SETTLE } from './plant.mjs';

const SCHEDULE = 'core/lifecycle/schedule.ts';

/** Looks which keys are taken, and inserts the rest: between the two somebody else inserts. */
const LOOK_FIRST = `
  const seen = (await ctx.db.prepare(FIND).bind(set, owner).all<JobRow>()).results;
  if (seen.some((row) => fresh.some((one) => one.idempotency_key === row.idempotency_key &&
    one.request_hash !== row.request_hash))) return [{ results: [] }, { results: seen }];
  const taken = new Set(seen.map((row) => row.idempotency_key));
  const rest = fresh.filter((row, i) => row.idempotency_key === null || (!taken.has(row.idempotency_key) &&
    fresh.findIndex((other) => other.idempotency_key === row.idempotency_key) === i));
  if (rest.length === 0) return [{ results: [] }, { results: seen }];
  const [ids, , replays = { results: [] }] = await ctx.db.batch<JobRow>(
    insertion(ctx, owner, now, '[' + rest.map(toEntry) + ']', rest.length, keyed));
  replays.results.push(...seen);`;

/** Bugs that those who send requests meet. */
export const requests = [
  plant(
    'idempotency checked before the insert instead of by it',
    [SCHEDULE, '  ON CONFLICT (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING', ''],
    [SCHEMA, 'CREATE UNIQUE INDEX jobs_idempotency', 'CREATE INDEX jobs_idempotency'],
    [
      SCHEDULE,
      'const [ids, , replays] = await ctx.db.batch<JobRow>(insertion(ctx, owner, now, set, fresh.length, keyed));',
      LOOK_FIRST,
    ],
  ),
  plant('batch that is scheduled job by job', [
    SCHEDULE,
    'const [ids, , replays] = await ctx.db.batch<JobRow>(insertion(ctx, owner, now, set, fresh.length, keyed));',
    `const parts = [];
     for (const one of fresh) parts.push(await ctx.db.batch<JobRow>(insertion(ctx, owner, now, '[' + toEntry(one) + ']', 1, keyed)));
     const ids = { results: parts.flatMap(([made]) => made?.results ?? []) };
     const replays = { results: parts.flatMap(([, , found]) => found?.results ?? []) };`,
  ]),
  plant('scheduling tried again without a look', [SCHEDULE, 'const earlier = unsure ?', 'const earlier = false ?']),
  plant('success that is never recorded', [
    'core/worker/outcome.ts',
    "return { kind: 'done', result };",
    "return fail('It did not work.', { permanent: true });",
  ]),
  plant('cancel revived by a late settle', [
    SETTLE,
    'where: `jobs.cancel_requested_at IS NOT NULL AND',
    'where: `jobs.cancel_requested_at < 0 AND',
  ]),
  plant("somebody else's job is shown", [
    'core/views/jobs.ts',
    'WHERE id = ?1 AND (?2 IS NULL OR owner_id = ?2)`',
    'WHERE id = ?1 AND (?2 IS NULL OR true)`',
  ]),
  plant('fold that counts a row twice', ['core/views/fold.ts', 'logs.seq > through AND', 'logs.seq >= through AND']),
  plant('job pruned before it was counted', [
    'core/lifecycle/prune.ts',
    "event <> 'pruned' AND seq > (SELECT through FROM job_counts_mark)",
    'false',
  ]),
  plant('job pruned without a name', [
    'core/lifecycle/prune.ts',
    "json_object('job_id', id)",
    "json_object('job_id', owner_id)",
  ]),
  plant('lost answer called harmless', [
    'core/http/problem.ts',
    'if (unavailable.test(text) || isPassing(error)) {',
    "if (unavailable.test(text)) return new Problem('database_unavailable', 'The database failed; nothing was changed.', again);\n if (isPassing(error)) {",
  ]),
];
