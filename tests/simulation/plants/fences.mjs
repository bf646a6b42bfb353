import { CLAIM, EDGE, GUARD, plant, SCHEMA, SETTLE, template, unguarded } from './plant.mjs';

const FENCED = `jobs.seq = CAST(entry.key AS INTEGER) AND entry.key = jobs.seq || ':' || jobs.lease_epoch`;
const UNFENCED = 'jobs.seq = CAST(entry.key AS INTEGER)';
const REDRIVE = 'core/lifecycle/redrive.ts';
const RETRY = 'core/lifecycle/retry.ts';

/** Bugs of claims, fences, transitions and their log. */
export const fences = [
  plant('completion without the epoch', [SETTLE, FENCED, UNFENCED]),
  plant('completion by id alone', [SETTLE, FENCED, UNFENCED], [EDGE, GUARD, unguarded('done')]),
  plant(
    'epoch reset on redrive',
    [REDRIVE, "const FRESH = 'retries = 0,", "const FRESH = 'lease_epoch = 0, retries = 0,"],
    [SCHEMA, 'WHEN new.lease_epoch < old.lease_epoch', 'WHEN false'],
  ),
  plant(
    'claim without the status guard',
    [CLAIM, template('where: `jobs.seq IN («DUE»)`'), 'where: `jobs.seq IN (SELECT value FROM json_each(?2))`'],
    [EDGE, GUARD, unguarded('claimed')],
    [
      CLAIM,
      'step(db, CLAIM, time, limit, worker, settings.LEASE_MS)',
      `step(db, CLAIM, time, JSON.stringify((await db.prepare(DUE).bind(time, limit)
         .all<{ seq: number }>()).results.map(({ seq }) => seq)), worker, settings.LEASE_MS)`,
    ],
  ),
  plant('claim that takes again what is in hand', [CLAIM, 'inHand.get(seq) !== lease_epoch', 'true']),
  plant('heartbeat without the epoch', [
    'core/lifecycle/heartbeat.ts',
    "jobs.lease_epoch = entry.value ->> 1 AND jobs.status = 'running'",
    "jobs.status = 'running'",
  ]),
  plant('log without its transition', [
    EDGE,
    template("«spec.each ? `FROM «spec.each»` : ''» WHERE «guard»"),
    template("«spec.each ? `FROM «spec.each»` : ''» WHERE «guard» AND jobs.priority <= 0"),
  ]),
  plant('transition without its log', [
    EDGE,
    template("FROM «spec.each ? `«spec.each» CROSS JOIN jobs` : 'jobs'» WHERE «guard»`"),
    template("FROM «spec.each ? `«spec.each» CROSS JOIN jobs` : 'jobs'» WHERE «guard» LIMIT 1`"),
  ]),
  plant('transition outside the batch of its log', [
    RETRY,
    'await ctx.db.batch(step(ctx.db, RETRY, ctx.now(), limit))',
    '[, ...(await Promise.all(step(ctx.db, RETRY, ctx.now(), limit).reverse().map((one) => one.all())))]',
  ]),
  plant(
    'lease that outlives its job',
    [
      EDGE,
      "set.push('lease_worker = NULL, lease_until = NULL, cancel_requested_at = NULL')",
      "set.push('cancel_requested_at = NULL')",
    ],
    [SCHEMA, "CHECK ((status = 'running') = (lease_worker IS NOT NULL)),", ''],
    [SCHEMA, "CHECK ((status = 'running') = (lease_until IS NOT NULL)),", ''],
  ),
  plant('result of another run', [
    'core/worker/hands.ts',
    'if (outcome) this.settled.push({ job: run.job, outcome });',
    'if (outcome) this.settled.push({ job: run.job, outcome: this.settled[0]?.outcome ?? outcome });',
  ]),
  plant('stale worker accused falsely', [
    'core/lifecycle/remark.ts',
    template('AND NOT EXISTS (SELECT 1 FROM logs WHERE «OWN»)'),
    '',
  ]),
];
