import { describe, expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import { coordinate } from '../../core/coordinate.ts';
import { tick } from '../../core/http/tick.ts';
import { claim } from '../../core/lifecycle/claim.ts';
import { settle } from '../../core/lifecycle/settle.ts';
import { PermanentError, RetryLater } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { during, insert, insertOne, taskOf } from '../support/drive.ts';
import { type Fault, failingAt, faults } from '../support/faults.ts';
import { System } from '../support/system.ts';

const settings = { BACKOFF_BASE_MS: '1000', BACKOFF_MAX_MS: '1000', DLQ_REDRIVE_AFTER_MS: '5000', LEASE_MS: '30000' };

/** Runs a tick over a database whose `at`-th call goes wrong; whether there was such a call. The tick may throw. */
async function faulty(system: System, run: Run, at: number, fault: Fault): Promise<boolean> {
  const { port, met } = failingAt(system.env.DB, at, fault);
  const env: Env = { ...system.env, DB: port };
  await during(
    system.clock,
    run(env).catch((error: Error) => expect(met(), error.message).toBe(true)),
  );
  expect(system.breaches()).toEqual([]);
  return met();
}

type Run = (env: Env) => Promise<unknown>;
const common = { cron: 'PROCESS_CRON', summary: '', counts: {} } as const;

describe.each(faults)('With a call to the database that is %s', (fault) => {
  test('process-batch runs every job to its end once, and charges none for the fault if it passes', async () => {
    let at = 1;
    while (await processWith(at, fault)) at += 1;
    // It looks, claims, settles, settles what was late, and looks again.
    expect(at).toBeGreaterThan(4);
  });

  test('coordinate leaves what its next run needs: each job is reclaimed, retried, buried, redriven or pruned once', async () => {
    let at = 1;
    while (await coordinateWith(at, fault)) at += 1;
    // A step for each thing it does, and a look before and after.
    expect(at).toBeGreaterThan(7);
  });
});

/** Jobs of every outcome under a worker that meets the fault; then healthy ticks until all have ended. */
async function processWith(at: number, fault: Fault): Promise<boolean> {
  const system = new System(settings);
  const runs = new Map<string, number>();
  const counted = (type: string, run: Parameters<typeof taskOf>[1]) =>
    taskOf(type, (job, ctx) => {
      runs.set(job.id, (runs.get(job.id) ?? 0) + 1);
      return run(job, ctx);
    });
  const tasks = [
    counted('good', () => 'fine'),
    counted('bad', ({ attempt }) => {
      if (attempt < 2) throw new Error('not yet');
      return 'at last';
    }),
    counted('hopeless', () => {
      throw new PermanentError('never');
    }),
    counted('later', ({ id }) => {
      if (runs.get(id) === 1) throw new RetryLater(10);
      return 'now';
    }),
    // Long enough for heartbeats and looks for cancels.
    counted('slow', (_, ctx) => ctx.sleep(25_000)),
    counted('wordy', (_, ctx) => ctx.persistLog('info', 'hello').catch(() => {})),
  ];
  const run = tick({ name: 'process-batch', ...common, run: (ctx) => processBatch(ctx, tasks) });
  const late = tick({ name: 'coordinate', ...common, run: coordinate });
  try {
    const types = ['good', 'bad', 'hopeless', 'later', 'slow', 'wordy', 'slow'];
    const rows = await insert(system, ...types.map((task_type) => ({ task_type })));
    const cancelled = rows.at(-1)?.id as string;
    const firstTick = faulty(system, (env) => run.scheduled({}, env), at, fault);
    // Somebody wants one of the slow ones cancelled while it runs.
    while ((await system.job(cancelled)).status === 'pending' && !(await settledWithin(firstTick)))
      await system.clock.advance(1);
    await system.call('POST', `/v1/jobs/${cancelled}/cancel`);
    const met = await firstTick;
    for (let i = 0; i < 20; i++) {
      await system.clock.advance(3000);
      await during(system.clock, late.scheduled({}, system.env));
      await during(system.clock, run.scheduled({}, system.env));
    }
    expect(system.breaches()).toEqual([]);
    const ended = system.db.prepare('SELECT task_type, status, interruptions FROM jobs ORDER BY seq').raw().all();
    const as = (status: string) => [status, 0];
    if (fault !== 'gone') {
      expect(ended).toEqual([
        ['good', ...as('done')],
        ['bad', ...as('done')],
        ['hopeless', ...as('dlq')],
        ['later', ...as('done')],
        ['slow', ...as('done')],
        ['wordy', ...as('done')],
        ['slow', ...as('cancelled')],
      ]);
      expect(rows.map(({ id }) => runs.get(id) ?? 0).slice(0, -1)).toEqual([1, 2, 2, 2, 1, 1]);
    } else {
      expect((ended as string[][]).map(([type, status]) => [type, status])).toEqual(
        types.map((type, i) => [type, i === 6 ? 'cancelled' : type === 'hopeless' ? 'dlq' : 'done']),
      );
    }
    expect(system.db.prepare("SELECT count(*) FROM logs WHERE event = 'stale'").pluck().get()).toBe(0);
    return met;
  } finally {
    system.close();
  }
}

const settledWithin = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

/** One job for each step of coordinate; the tick that meets the fault, then a healthy one. */
async function coordinateWith(at: number, fault: Fault): Promise<boolean> {
  const system = new System({ ...settings, RETENTION_DAYS: '1' });
  const run = tick({ name: 'coordinate', ...common, run: coordinate });
  try {
    const outcome = async (seq: number, kind: 'done' | 'failed', permanent = false) => {
      const [job] = await claim(system.ctx(), 'w', 1, []);
      expect(job?.seq).toBe(seq);
      const error = { kind: 'failed', error: 'no', permanent } as const;
      const result = kind === 'done' ? ({ kind, result: '1' } as const) : error;
      await settle(system.ctx(), 'w', [{ job: job as NonNullable<typeof job>, outcome: result }]);
    };
    const old = await insertOne(system);
    await outcome(old.seq, 'done');
    await system.clock.advance(2 * 86_400_000);
    const buried = await insertOne(system);
    await outcome(buried.seq, 'failed', true);
    await run.scheduled({}, { ...system.env, RETENTION_DAYS: '0' });
    await system.call('GET', '/v1/jobs', undefined, { token: null });
    await system.clock.advance(6000);
    const retried = await insertOne(system);
    await outcome(retried.seq, 'failed');
    const hopeless = await insertOne(system);
    await outcome(hopeless.seq, 'failed', true);
    const held = await insertOne(system);
    await claim(system.ctx(), 'gone', 1, []);
    await system.clock.advance(31_000);

    const met = await faulty(system, (env) => run.scheduled({}, env), at, fault);
    await run.scheduled({}, system.env);
    const rows = system.db.prepare('SELECT seq, status, interruptions, dlq_redrives, retries FROM jobs ORDER BY seq');
    expect(rows.raw().all()).toEqual([
      [buried.seq, 'pending', 0, 1, 0],
      [retried.seq, 'pending', 0, 0, 1],
      [hopeless.seq, 'dlq', 0, 0, 1],
      [held.seq, 'pending', 1, 0, 0],
    ]);
    expect(system.db.prepare("SELECT data ->> 'job_id' FROM logs WHERE event = 'pruned'").pluck().all()).toEqual([
      old.id,
    ]);
    expect(system.db.prepare('SELECT count(*) FROM rate_limits WHERE anonymous = 1').pluck().get()).toBe(0);
    const mark = 'SELECT through = (SELECT max(seq) FROM logs) FROM job_counts_mark';
    expect(system.db.prepare(mark).pluck().get()).toBe(1);
    return met;
  } finally {
    system.close();
  }
}
