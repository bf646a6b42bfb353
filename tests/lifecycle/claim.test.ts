import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claim, nextDue } from '../../core/lifecycle/claim.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { settle } from '../../core/lifecycle/settle.ts';
import { claimOne, insert, insertOne, logsOf, stored, take } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const claimed = async (limit: number, worker = 'w1') => (await take(system, worker, limit)).map(({ seq }) => seq);

describe('The order of claims', () => {
  test('is priority first, then run_at, then insertion', async () => {
    const now = system.clock.now();
    const rows = await insert(
      system,
      { priority: 0, run_at: now - 10 },
      { priority: 0, run_at: now - 20 },
      { priority: 5, run_at: now },
      { priority: 0, run_at: now - 20 },
      { priority: -5, run_at: now - 9000 },
      { priority: 5, run_at: now - 1 },
    );
    const expected = [5, 2, 1, 3, 0, 4].map((i) => rows[i]?.seq);
    expect(await claimed(10)).toEqual(expected);
  });

  test('is kept over claims of one job each', async () => {
    await insert(system, { priority: 1 }, { priority: 3 }, { priority: 2 }, { priority: 3 });
    const order: number[] = [];
    for (let i = 0; i < 5; i++) order.push(...(await claimed(1)));
    expect(order).toEqual([2, 4, 3, 1]);
  });

  test('passes over jobs of a higher priority that are not due', async () => {
    const now = system.clock.now();
    const later = Array.from({ length: 30 }, (_, i) => ({ priority: 1000 - i, run_at: now + 1 + i }));
    await insert(system, ...later, { priority: -1000 }, { priority: -999 });
    expect(await claimed(10)).toEqual([32, 31]);
    await system.clock.advance(2);
    expect(await claimed(10)).toEqual([1, 2]);
  });

  test('is the same as sorting what is due, whatever waits', async () => {
    const job = fc.record({ priority: fc.integer({ min: -3, max: 3 }), late: fc.integer({ min: -3, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), async (jobs, limit) => {
        const fresh = new System();
        const now = fresh.clock.now();
        await insert(fresh, ...jobs.map(({ priority, late }) => ({ priority, run_at: now - late })));
        const due = jobs
          .map((one, i) => ({ ...one, seq: i + 1 }))
          .filter(({ late }) => late >= 0)
          .sort((a, b) => b.priority - a.priority || b.late - a.late || a.seq - b.seq)
          .map(({ seq }) => seq);
        const order: number[] = [];
        for (let n = -1; n !== order.length; ) {
          n = order.length;
          order.push(...(await take(fresh, 'w', limit)).map(({ seq }) => seq));
          expect(order).toEqual(due.slice(0, n + limit));
        }
        expect(fresh.breaches()).toEqual([]);
        fresh.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('A claim', () => {
  test('never comes before run_at, not by a millisecond', async () => {
    const [job] = await insert(system, { run_at: system.clock.now() + 1000 });
    await system.clock.advance(999);
    expect(await claimed(10)).toEqual([]);
    expect(stored(system, 1)).toMatchObject({ status: 'pending', lease_epoch: 0 });
    await system.clock.advance(1);
    expect(await claimed(10)).toEqual([job?.seq]);
  });

  test('takes no more than its limit', async () => {
    await insert(system, ...Array.from({ length: 7 }, (_, i) => ({ priority: i % 3 })));
    expect(await claimed(3)).toHaveLength(3);
    expect(await claimed(3)).toHaveLength(3);
    expect(await claimed(3)).toHaveLength(1);
    expect(await claimed(3)).toHaveLength(0);
  });

  test('sets the lease, the worker and the start, and raises the epoch by one', async () => {
    const { seq } = await insertOne(system);
    const now = system.clock.now();
    expect(await claimOne(system, 'w1')).toMatchObject({ seq, lease_epoch: 1, retries: 0, max_retries: 3 });
    expect(stored(system, seq)).toMatchObject({
      status: 'running',
      lease_epoch: 1,
      lease_worker: 'w1',
      lease_until: now + 30_000,
      started_at: now,
      finished_at: null,
    });
    expect(logsOf(system, seq, 'claimed')).toMatchObject([{ at: now, epoch: 1, worker: 'w1' }]);
  });

  test('raises the epoch every time, however the job came back, and never lowers it', async () => {
    const { seq } = await insertOne(system);
    const ctx = system.ctx();
    const first = await claimOne(system);
    await settle(ctx, 'w1', [{ job: first, outcome: { kind: 'released', reason: 'later' } }]);
    expect((await claimOne(system)).lease_epoch).toBe(2);
    await system.clock.advance(30_000);
    await reclaim(ctx, 10);
    expect((await claimOne(system)).lease_epoch).toBe(3);
    const lower = () => system.db.prepare('UPDATE jobs SET lease_epoch = 2 WHERE seq = ?').run(seq);
    expect(lower).toThrow('lease_epoch never falls');
    expect(logsOf(system, seq, 'claimed').map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test('gives no job to two workers, though all ask at once', async () => {
    await insert(system, ...Array.from({ length: 50 }, () => ({})));
    const workers = Array.from({ length: 12 }, (_, i) => `w${i}`);
    const got = await Promise.all(workers.map((worker) => claim(system.ctx(system.newEnv()), worker, 7, [])));
    const seqs = got.flat().map(({ seq }) => seq);
    expect(new Set(seqs).size).toBe(50);
    expect(seqs).toHaveLength(50);
    for (const [i, list] of got.entries())
      for (const { seq } of list) expect(stored(system, seq)?.lease_worker).toBe(`w${i}`);
  });
});

describe('The time when the next job falls due', () => {
  test('is the earliest run_at over all priorities, and none where nothing waits', async () => {
    const now = system.clock.now();
    expect(await nextDue(system.ctx())).toBeNull();
    await insert(
      system,
      { priority: 9, run_at: now + 500 },
      { priority: -9, run_at: now + 100 },
      { run_at: now + 300 },
    );
    expect(await nextDue(system.ctx())).toBe(now + 100);
    await system.clock.advance(100);
    await claimOne(system);
    expect(await nextDue(system.ctx())).toBe(now + 300);
  });
});
