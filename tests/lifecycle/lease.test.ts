import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { settle } from '../../core/lifecycle/settle.ts';
import { PermanentError, type TaskContext } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { claimOne, during, gate, insert, insertOne, logsOf, stored, taskOf, turns } from '../support/drive.ts';
import { FaultyPort } from '../support/faulty-port.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System({ LEASE_MS: '3000', JOB_TIMEOUT_MS: '600000' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

/** Starts one job whose handler waits until it is let go, and notes what its signal said. */
async function hold(end: (ctx: TaskContext) => unknown = () => 'late', job: { timeout_ms?: number } = {}) {
  const { seq, id } = await insertOne(system, job);
  const held = gate();
  const seen: { aborted: boolean; reason?: string } = { aborted: false };
  const work = processBatch(system.ctx(), [
    taskOf('test', async (_, ctx) => {
      ctx.signal.addEventListener('abort', () => {
        seen.aborted = true;
        seen.reason = String(ctx.signal.reason);
      });
      await held.passed;
      return end(ctx);
    }),
  ]);
  await turns(system.clock);
  expect(stored(system, seq)?.status).toBe('running');
  return { seq, id, held, seen, work };
}

describe('A job that runs longer than its lease', () => {
  test('keeps it by heartbeats, and no coordinator takes it back', async () => {
    const { seq, held, seen, work } = await hold();
    const start = system.clock.now();
    for (let t = 0; t < 30_000; t += 500) {
      await system.clock.advance(500);
      expect(await coordinate(system.ctx(system.newEnv({ LEASE_MS: '3000' })))).toMatchObject({ reclaimed: 0 });
      expect(stored(system, seq)?.lease_until).toBeGreaterThan(system.clock.now() + 1500);
    }
    held.open();
    expect(await work).toMatchObject({ done: 1, stale: 0 });
    expect(seen.aborted).toBe(false);
    expect(stored(system, seq)).toMatchObject({ status: 'done', interruptions: 0, lease_epoch: 1, started_at: start });
    expect(logsOf(system, seq).map(({ event }) => event)).toEqual(['scheduled', 'claimed', 'done']);
  });
});

describe('A worker that lost a lease', () => {
  /** The worker sleeps, as a stopped process does; its lease runs out and is taken back. */
  async function lose(end?: (ctx: TaskContext) => unknown) {
    const one = await hold(end);
    system.clock.time += 3000;
    expect(await reclaim(system.ctx(), 10)).toBe(1);
    return one;
  }

  const ends: [string, () => unknown][] = [
    ['returns', () => 'late'],
    ['throws', () => Promise.reject(new Error('late'))],
    ['throws for good', () => Promise.reject(new PermanentError('late'))],
    ['writes a log row', async () => {}],
  ];

  test.each(ends)('aborts the handler at its next heartbeat and writes nothing when it %s', async (_, end) => {
    const { seq, held, seen, work } = await lose(end);
    const heir = await claimOne(system, 'w2');
    const before = stored(system, seq);

    await system.clock.advance(0);
    expect(seen).toEqual({ aborted: true, reason: 'Error: lease lost' });
    held.open();
    expect(await work).toMatchObject({ claimed: 1, done: 0, failed: 0, stale: 1 });
    await turns(system.clock);

    expect(stored(system, seq)).toEqual(before);
    expect(logsOf(system, seq, 'stale')).toMatchObject([
      { epoch: 1, level: 'warn', message: 'A heartbeat came after the lease was lost.' },
    ]);
    const outcome = { kind: 'done', result: '"heir"' } as const;
    expect(await settle(system.ctx(), 'w2', [{ job: heir, outcome }])).toMatchObject({ done: 1, stale: 0 });
    expect(stored(system, seq)?.result).toBe('"heir"');
  });

  test('before it noticed writes nothing either, and says so', async () => {
    const { seq, held, seen, work } = await lose();
    const before = stored(system, seq);
    held.open();
    expect(await work).toMatchObject({ done: 0, stale: 1 });
    expect(seen.aborted).toBe(false);
    expect(stored(system, seq)).toEqual(before);
    expect(logsOf(system, seq, 'stale')).toMatchObject([
      { epoch: 1, message: 'The outcome done came after the lease was lost; it was not recorded.' },
    ]);
  });

  test('says so in the log although the database is busy when it finds out', async () => {
    const { DB } = system.env;
    const busy = new FaultyPort(DB, (call) => (refusing.has(call) ? 'before' : undefined), 'SQLITE_BUSY: locked');
    const refusing = new Set<number>();
    system.env.DB = busy;
    const { seq, held, work } = await lose();
    // The heartbeat is answered; the three calls after it are not.
    for (let i = 1; i <= 3; i++) refusing.add(busy.calls + 1 + i);
    expect(logsOf(system, seq, 'stale')).toEqual([]);
    await system.clock.advance(2000);
    held.open();
    expect(await during(system.clock, work)).toMatchObject({ claimed: 1, done: 0, stale: 1 });
    expect(logsOf(system, seq, 'stale')).toMatchObject([{ epoch: 1, level: 'warn' }]);
  });

  test('drops what its handler still wants to log', async () => {
    const { seq, held, work } = await lose((ctx) => ctx.persistLog('info', 'still here'));
    held.open();
    await work;
    expect(logsOf(system, seq, 'message')).toEqual([]);
  });

  test('keeps the others', async () => {
    await insert(system, {}, {}, {});
    const held = gate();
    const work = processBatch(system.ctx(), [taskOf('test', () => held.passed)]);
    await turns(system.clock);
    system.db.prepare('UPDATE jobs SET lease_until = 0 WHERE seq = 2').run();
    expect(await reclaim(system.ctx(), 10)).toBe(1);
    await system.clock.advance(1000);
    expect(logsOf(system, 2, 'stale')).toHaveLength(1);
    held.open();
    expect(await work).toMatchObject({ stale: 1 });
    for (const seq of [1, 3]) expect(stored(system, seq)).toMatchObject({ status: 'done', lease_epoch: 1 });
  });
});

describe('Jobs that were claimed ahead', () => {
  test('and find no slot are given back before their lease ends, without a charge', async () => {
    const env = system.newEnv({ LEASE_MS: '3000', PROCESS_CONCURRENCY: '2' });
    const quick = { task_type: 'quick' };
    await insert(system, quick, quick, {}, {}, quick, quick);
    const held = gate();
    const tasks = [taskOf('quick', () => 'ran'), taskOf('test', () => held.passed)];
    const work = processBatch(system.ctx(env), tasks);
    await turns(system.clock);
    expect([5, 6].map((seq) => stored(system, seq)?.status)).toEqual(['running', 'running']);
    await system.clock.advance(1000);
    for (const seq of [5, 6])
      expect(stored(system, seq)).toMatchObject({ status: 'pending', retries: 0, interruptions: 0, lease_epoch: 1 });
    expect(await processBatch(system.ctx(system.newEnv()), tasks)).toMatchObject({ done: 2 });
    held.open();
    expect(await work).toMatchObject({ done: 4, released: 2, stale: 0 });
  });
});

describe('A handler that runs out of time', () => {
  test.each([
    ['its own timeout_ms', 1500, { timeout_ms: 1500 }],
    ['JOB_TIMEOUT_MS where it has none', 600_000, {}],
  ])('is aborted at %s, and its job fails', async (_, ms, job) => {
    const { seq, seen, held, work } = await hold(() => 'late', job);
    for (let left = ms - 1; left > 0; left -= 1000) await system.clock.advance(Math.min(1000, left));
    expect(seen.aborted).toBe(false);
    await system.clock.advance(1);
    expect(seen).toEqual({ aborted: true, reason: 'Error: timeout' });
    expect(await work).toMatchObject({ failed: 1 });
    expect(stored(system, seq)).toMatchObject({
      status: 'failed',
      permanent: 0,
      retries: 1,
      error: `The job ran out of time after ${ms} ms.`,
    });

    const before = stored(system, seq);
    held.open();
    await turns(system.clock);
    expect(stored(system, seq)).toEqual(before);
  });

  test('and never returns does not hold up the others', async () => {
    await insert(system, { timeout_ms: 100 }, { task_type: 'quick' }, { task_type: 'quick' });
    const env = system.newEnv({ PROCESS_CONCURRENCY: '1' });
    const tasks = [taskOf('test', () => new Promise(() => {})), taskOf('quick', () => 'ran')];
    const work = processBatch(system.ctx(env), tasks);
    await turns(system.clock);
    expect(stored(system, 2)?.status).toBe('pending');
    await system.clock.advance(100);
    expect(await work).toMatchObject({ claimed: 3, failed: 1, done: 2 });
  });

  test('counts from the start of the handler, not from the claim', async () => {
    const env = system.newEnv({ PROCESS_CONCURRENCY: '2' });
    const [quick, slow] = [{ task_type: 'quick' }, { task_type: 'slow' }];
    await insert(system, quick, quick, slow, slow, { timeout_ms: 1000 });
    const [busy, last] = [gate(), gate()];
    const tasks = [taskOf('quick', () => 1), taskOf('slow', () => busy.passed), taskOf('test', () => last.passed)];
    const work = processBatch(system.ctx(env), tasks);
    await turns(system.clock);
    expect(stored(system, 5)?.status).toBe('running');
    await system.clock.advance(900);
    busy.open();
    await turns(system.clock);
    await system.clock.advance(900);
    last.open();
    expect(await work).toMatchObject({ done: 5, failed: 0 });
  });
});
