import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Claimed } from '../../core/lifecycle/claim.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { retry } from '../../core/lifecycle/retry.ts';
import { type Outcome, type Settled, settle } from '../../core/lifecycle/settle.ts';
import { claimOne, insert, insertOne, logsOf, stored, take } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System({ BACKOFF_BASE_MS: '0' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const write = (worker: string, ...set: Settled[]) => settle(system.ctx(), worker, set);
const cancel = (job: { id: string }) => system.call('POST', `/v1/jobs/${job.id}/cancel`);
const none = { done: 0, failed: 0, released: 0, cancelled: 0, stale: 0 };

async function claimMany(n: number): Promise<Claimed[]> {
  await insert(system, ...Array.from({ length: n }, () => ({})));
  return take(system, 'w1', n);
}

describe('Settling', () => {
  test('as done stores the result and the finish, and clears the lease and an earlier error', async () => {
    await insertOne(system);
    await write('w1', { job: await claimOne(system), outcome: { kind: 'failed', error: 'first' } });
    await retry(system.ctx(), 10);
    const job = await claimOne(system);
    expect(await write('w1', { job, outcome: { kind: 'done', result: '{"a":[1]}' } })).toEqual({ ...none, done: 1 });
    expect(stored(system, job.seq)).toMatchObject({
      status: 'done',
      result: '{"a":[1]}',
      error: null,
      retries: 1,
      lease_epoch: 2,
      lease_worker: null,
      lease_until: null,
      finished_at: system.clock.now(),
    });
    expect((await system.job(job.id)).result).toEqual({ a: [1] });
  });

  test('as failed stores the error and charges one retry', async () => {
    await insertOne(system);
    const job = await claimOne(system);
    const outcome: Outcome = { kind: 'failed', error: 'no "route" to \u{1f5a5}', after: 700 };
    expect(await write('w1', { job, outcome })).toEqual({ ...none, failed: 1 });
    expect(stored(system, job.seq)).toMatchObject({
      status: 'failed',
      error: outcome.error,
      retries: 1,
      permanent: 0,
      run_at: system.clock.now() + 700,
      result: null,
      finished_at: null,
    });
    expect(logsOf(system, job.seq, 'failed')).toMatchObject([
      { level: 'warn', epoch: 1, worker: 'w1', message: outcome.error, data: '{"wait_ms":700,"permanent":false}' },
    ]);
  });

  test('as released charges nothing and says why', async () => {
    await insertOne(system);
    const job = await claimOne(system);
    expect(await write('w1', { job, outcome: { kind: 'released', reason: 'too early', after: 400 } })).toEqual({
      ...none,
      released: 1,
    });
    expect(stored(system, job.seq)).toMatchObject({
      status: 'pending',
      retries: 0,
      interruptions: 0,
      error: null,
      run_at: system.clock.now() + 400,
    });
    expect(logsOf(system, job.seq, 'released')).toMatchObject([{ epoch: 1, worker: 'w1', message: 'too early' }]);
  });

  test('as released without a delay keeps the place of the job among those that are due', async () => {
    await insertOne(system);
    const job = await claimOne(system);
    await system.clock.advance(5000);
    await insertOne(system);
    await write('w1', { job, outcome: { kind: 'released', reason: 'the worker stops' } });
    expect((await take(system, 'w2', 1)).map(({ seq }) => seq)).toEqual([job.seq]);
  });

  test.each<[string, Outcome]>([
    ['done', { kind: 'done', result: '1' }],
    ['failed', { kind: 'failed', error: 'no' }],
    ['released', { kind: 'released', reason: 'stop' }],
    ['cancelled', { kind: 'cancelled' }],
  ])('a job that somebody asked to cancel, as %s, cancels it and records nothing else', async (_, outcome) => {
    await insertOne(system);
    const job = await claimOne(system);
    expect((await cancel(job)).status).toBe(200);
    expect(await write('w1', { job, outcome })).toEqual({ ...none, cancelled: 1 });
    expect(stored(system, job.seq)).toMatchObject({
      status: 'cancelled',
      retries: 0,
      result: null,
      error: null,
      cancel_requested_at: null,
      finished_at: system.clock.now(),
    });
    expect(logsOf(system, job.seq).map(({ event }) => event)).toEqual([
      'scheduled',
      'claimed',
      'cancel_requested',
      'cancelled',
    ]);
  });
});

describe('A set of outcomes', () => {
  test('of every kind is written in one batch, each job its own', async () => {
    const jobs = (await claimMany(6)) as [Claimed, Claimed, Claimed, Claimed, Claimed, Claimed];
    await cancel(jobs[4]);
    const kinds: Outcome[] = [
      { kind: 'done', result: '0' },
      { kind: 'failed', error: 'one' },
      { kind: 'failed', error: 'two', permanent: true },
      { kind: 'released', reason: 'three' },
      { kind: 'done', result: '4' },
      { kind: 'done', result: '5' },
    ];
    const set = jobs.map((job, i) => ({ job, outcome: kinds[i] as Outcome }));
    expect(await write('w1', ...set)).toEqual({ done: 2, failed: 2, released: 1, cancelled: 1, stale: 0 });
    const rows = jobs.map(({ seq }) => stored(system, seq));
    expect(rows.map((row) => row?.status)).toEqual(['done', 'failed', 'failed', 'pending', 'cancelled', 'done']);
    expect(rows.map((row) => row?.result)).toEqual(['0', null, null, null, null, '5']);
    expect(rows.map((row) => row?.error)).toEqual([null, 'one', 'two', null, null, null]);
    expect(rows.map((row) => row?.permanent)).toEqual([0, 0, 1, 0, 0, 0]);
  });

  test('with a stale one among them writes the others', async () => {
    const [gone, ...kept] = (await claimMany(4)) as [Claimed, ...Claimed[]];
    system.db.prepare('UPDATE jobs SET lease_until = 0 WHERE seq = ?').run(gone.seq);
    await reclaim(system.ctx(), 10);
    const heir = await claimOne(system, 'w2');
    expect(heir.seq).toBe(gone.seq);

    const set = [gone, ...kept].map((job) => ({ job, outcome: { kind: 'done', result: '1' } as Outcome }));
    expect(await write('w1', ...set)).toEqual({ ...none, done: 3, stale: 1 });
    expect(kept.map(({ seq }) => stored(system, seq)?.status)).toEqual(['done', 'done', 'done']);
    expect(stored(system, gone.seq)).toMatchObject({ status: 'running', lease_worker: 'w2', result: null });
    expect(logsOf(system, gone.seq, 'stale')).toHaveLength(1);
    for (const { seq } of kept) expect(logsOf(system, seq, 'stale')).toEqual([]);
  });
});

describe('Settling again, as after "committed, but the caller saw an error",', () => {
  const repeated: [string, Outcome, string][] = [
    ['done', { kind: 'done', result: '1' }, 'done'],
    ['failed', { kind: 'failed', error: 'no', after: 100 }, 'failed'],
    ['released', { kind: 'released', reason: 'stop' }, 'released'],
    ['done, but cancelled', { kind: 'done', result: '1' }, 'cancelled'],
  ];

  test.each(repeated)('records %s once, and says nothing false', async (name, outcome, recorded) => {
    await insertOne(system);
    const job = await claimOne(system);
    if (name.includes('cancelled')) await cancel(job);
    await write('w1', { job, outcome });
    const before = stored(system, job.seq);

    expect(await write('w1', { job, outcome })).toEqual({ ...none, [recorded]: 1 });
    expect(stored(system, job.seq)).toEqual(before);
    expect(logsOf(system, job.seq, recorded)).toHaveLength(1);
    expect(logsOf(system, job.seq, 'stale')).toEqual([]);
  });

  test('still says so of what was stale in the same set', async () => {
    const [gone, kept] = (await claimMany(2)) as [Claimed, Claimed];
    system.db.prepare('UPDATE jobs SET lease_until = 0 WHERE seq = ?').run(gone.seq);
    await reclaim(system.ctx(), 10);
    const set = [gone, kept].map((job) => ({ job, outcome: { kind: 'done', result: '1' } as Outcome }));
    await write('w1', ...set);
    expect(await write('w1', ...set)).toEqual({ ...none, done: 1, stale: 1 });
    expect(logsOf(system, kept.seq, 'stale')).toEqual([]);
    expect(logsOf(system, gone.seq, 'stale').length).toBeGreaterThan(0);
  });

  test('is not taken for the outcome when it was the coordinator who cancelled', async () => {
    await insertOne(system);
    const job = await claimOne(system);
    await cancel(job);
    await system.clock.advance(30_000);
    await reclaim(system.ctx(), 10);
    expect(await write('w1', { job, outcome: { kind: 'done', result: '1' } })).toEqual({ ...none, stale: 1 });
    expect(logsOf(system, job.seq, 'stale')).toHaveLength(1);
  });
});
