import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { heartbeat } from '../../core/lifecycle/heartbeat.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { claimOne, insert, insertOne, logsOf, stored, take } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System({ LEASE_MS: '1000', MAX_INTERRUPTIONS: '2' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

describe('A job whose lease expired', () => {
  test('is pending again, with one interruption more and no retry charged, and due at once', async () => {
    const { seq, run_at } = await insertOne(system);
    await claimOne(system, 'w1');
    await system.clock.advance(1000);
    expect(await reclaim(system.ctx(), 10)).toBe(1);
    expect(stored(system, seq)).toMatchObject({
      status: 'pending',
      interruptions: 1,
      retries: 0,
      run_at,
      lease_epoch: 1,
      lease_worker: null,
      lease_until: null,
      finished_at: null,
    });
    expect(logsOf(system, seq, 'reclaimed')).toMatchObject([
      { level: 'warn', epoch: 1, worker: 'w1', from_status: 'running', to_status: 'pending' },
    ]);
    expect((await claimOne(system)).lease_epoch).toBe(2);
  });

  test('more than MAX_INTERRUPTIONS times is taken for a killer of workers and buried', async () => {
    const { seq } = await insertOne(system);
    for (let i = 1; i <= 3; i++) {
      expect(stored(system, seq)).toMatchObject({ status: 'pending', interruptions: i - 1 });
      await claimOne(system);
      await system.clock.advance(1000);
      expect(await reclaim(system.ctx(), 10)).toBe(1);
    }
    expect(stored(system, seq)).toMatchObject({
      status: 'dlq',
      interruptions: 3,
      retries: 0,
      error: 'Its worker stopped without an answer 3 times.',
      finished_at: system.clock.now(),
    });
    expect(logsOf(system, seq, 'reclaimed').map(({ level, to_status }) => [level, to_status])).toEqual([
      ['warn', 'pending'],
      ['warn', 'pending'],
      ['error', 'dlq'],
    ]);
  });

  test('at MAX_INTERRUPTIONS 0 is buried the first time', async () => {
    const { seq } = await insertOne(system);
    await claimOne(system);
    await system.clock.advance(1000);
    expect(await reclaim(system.ctx(system.newEnv({ MAX_INTERRUPTIONS: '0' })), 10)).toBe(1);
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', interruptions: 1 });
  });

  test('and that somebody asked to cancel is cancelled, however often it was interrupted', async () => {
    const { seq } = await insertOne(system);
    for (let i = 0; i < 2; i++) {
      await claimOne(system);
      await system.clock.advance(1000);
      await reclaim(system.ctx(), 10);
    }
    await insertOne(system);
    for (const { id } of await take(system, 'w1', 2)) await system.call('POST', `/v1/jobs/${id}/cancel`);
    await system.clock.advance(1000);
    expect(await reclaim(system.ctx(), 10)).toBe(2);
    for (const one of [seq, seq + 1])
      expect(stored(system, one)).toMatchObject({ status: 'cancelled', cancel_requested_at: null, error: null });
    expect(logsOf(system, seq, 'reclaimed')).toHaveLength(2);
    expect(logsOf(system, seq + 1, 'reclaimed')).toEqual([]);
  });
});

describe('A live lease', () => {
  test('is left alone up to its last millisecond', async () => {
    const { seq } = await insertOne(system);
    await claimOne(system);
    await system.clock.advance(999);
    expect(await reclaim(system.ctx(), 10)).toBe(0);
    expect(await coordinate(system.ctx())).toMatchObject({ reclaimed: 0 });
    expect(stored(system, seq)).toMatchObject({ status: 'running', interruptions: 0 });
  });

  test('that a heartbeat extended is left alone, while its neighbours are taken back', async () => {
    const { seq } = await insertOne(system);
    const kept = await claimOne(system);
    await insertOne(system);
    const lost = await claimOne(system);
    await system.clock.advance(600);
    expect(await heartbeat(system.ctx(), [kept])).toEqual(new Set([seq]));
    await system.clock.advance(600);
    expect(await reclaim(system.ctx(), 10)).toBe(1);
    expect([kept, lost].map((job) => stored(system, job.seq)?.status)).toEqual(['running', 'pending']);
  });
});

describe('Reclaiming', () => {
  test('by several coordinators at once takes each lease back once', async () => {
    await insert(system, ...Array.from({ length: 20 }, () => ({})));
    await take(system, 'w1', 20);
    await system.clock.advance(1000);
    const envs = Array.from({ length: 4 }, () => system.newEnv({ LEASE_MS: '1000' }));
    const counts = await Promise.all(envs.map((env) => coordinate(system.ctx(env))));
    expect(counts.reduce((sum, { reclaimed = 0 }) => sum + reclaimed, 0)).toBe(20);
    for (let seq = 1; seq <= 20; seq++) {
      expect(stored(system, seq)).toMatchObject({ status: 'pending', interruptions: 1 });
      expect(logsOf(system, seq, 'reclaimed')).toHaveLength(1);
    }
  });

  test('takes no more than its limit at once, and the coordinator goes on until all are back', async () => {
    await insert(system, ...Array.from({ length: 1203 }, () => ({})));
    await take(system, 'w1', 2000);
    await system.clock.advance(1000);
    expect(await reclaim(system.ctx(), 3)).toBe(3);
    expect(await coordinate(system.ctx())).toMatchObject({ reclaimed: 1200 });
  });
});
