import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { PermanentError, RetryAfter } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { insertOne, logsOf, stored, taskOf } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System({ BACKOFF_BASE_MS: '1000', BACKOFF_MAX_MS: '3000', MAX_DLQ_REDRIVES: '0' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

/** Runs both ticks every 100 ms for `ms`; the times at which the handler ran. */
async function live(ms: number, handler: (attempt: number) => unknown): Promise<number[]> {
  const runs: number[] = [];
  const tasks = [
    taskOf('test', ({ attempt }) => {
      runs.push(system.clock.now());
      return handler(attempt);
    }),
  ];
  for (let t = 0; t < ms; t += 100) {
    await coordinate(system.ctx());
    await processBatch(system.ctx(), tasks);
    await system.clock.advance(100);
  }
  return runs;
}

const fails = (make: () => Error) => () => {
  throw make();
};

describe('A job whose handler always throws', () => {
  test.each([0, 1, 2, 5])('with max_retries %i runs one time more than that, then is buried', async (max_retries) => {
    const { seq } = await insertOne(system, { max_retries });
    const attempts: number[] = [];
    const runs = await live(30_000, (attempt) => {
      attempts.push(attempt);
      throw new Error(`attempt ${attempt} failed`);
    });
    expect(runs).toHaveLength(max_retries + 1);
    expect(attempts).toEqual(runs.map((_, i) => i + 1));
    expect(stored(system, seq)).toMatchObject({
      status: 'dlq',
      retries: max_retries + 1,
      lease_epoch: max_retries + 1,
      error: `attempt ${max_retries + 1} failed`,
    });
    expect(logsOf(system, seq, 'buried')).toMatchObject([
      { level: 'error', message: `attempt ${max_retries + 1} failed` },
    ]);
    expect(logsOf(system, seq, 'retried')).toHaveLength(max_retries);
  });

  test('waits before each retry for its backoff, and is claimed no sooner', async () => {
    const { seq } = await insertOne(system, { max_retries: 8 });
    await live(
      60_000,
      fails(() => new Error('no')),
    );
    const failures = logsOf(system, seq, 'failed');
    const claims = logsOf(system, seq, 'claimed');
    expect(failures).toHaveLength(9);
    for (const [i, { at, data }] of failures.slice(0, -1).entries()) {
      const { wait_ms } = JSON.parse(data ?? '') as { wait_ms: number };
      expect(wait_ms).toBeLessThanOrEqual(Math.min(3000, 1000 * 2 ** i));
      expect(claims[i + 1]?.at).toBeGreaterThanOrEqual(at + wait_ms);
    }
  });

  test('is buried at the next tick, without another wait, when its last retry is spent', async () => {
    const { seq } = await insertOne(system, { max_retries: 0 });
    await processBatch(system.ctx(), [
      taskOf(
        'test',
        fails(() => new RetryAfter(2000, 'no')),
      ),
    ]);
    expect(stored(system, seq)).toMatchObject({ status: 'failed', run_at: system.clock.now() });
    expect(await coordinate(system.ctx())).toMatchObject({ buried: 1, retried: 0 });
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', finished_at: system.clock.now() });
  });

  test('for good is buried after one run, whatever retries are left', async () => {
    const { seq } = await insertOne(system, { max_retries: 50 });
    const runs = await live(
      10_000,
      fails(() => new PermanentError('no such address')),
    );
    expect(runs).toHaveLength(1);
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', retries: 1, error: 'no such address' });
    expect(logsOf(system, seq, 'retried')).toEqual([]);
  });

  test('and names a time to wait is not run before it, and never waits longer than the cap', async () => {
    const { seq } = await insertOne(system, { max_retries: 2 });
    const waits = [2500, 86_400_000];
    const runs = await live(20_000, (attempt) => {
      throw new RetryAfter(waits[attempt - 1] ?? 0, 'busy');
    });
    const told = logsOf(system, seq, 'failed').map(({ data }) => JSON.parse(data ?? '').wait_ms);
    expect(told[0]).toBeGreaterThanOrEqual(2500);
    expect(told.slice(1)).toEqual([3000, 0]);
    expect((runs[1] as number) - (runs[0] as number)).toBeGreaterThanOrEqual(2500);
    expect((runs[2] as number) - (runs[1] as number)).toBe(3000);
  });
});

describe('A job whose handler throws at first', () => {
  test('is done when a later run returns, and its error is gone', async () => {
    const { seq } = await insertOne(system, { max_retries: 2 });
    const runs = await live(30_000, (attempt) => {
      if (attempt < 3) throw new Error('not yet');
      return attempt;
    });
    expect(runs).toHaveLength(3);
    expect(stored(system, seq)).toMatchObject({ status: 'done', result: '3', retries: 2, error: null });
  });
});

describe('Retrying and burying', () => {
  test('leave a job alone whose backoff is not over', async () => {
    const { seq } = await insertOne(system);
    await processBatch(system.ctx(), [
      taskOf(
        'test',
        fails(() => new RetryAfter(2000, 'no')),
      ),
    ]);
    const until = stored(system, seq)?.run_at as number;
    system.clock.time = until - 1;
    expect(await coordinate(system.ctx())).toMatchObject({ retried: 0, buried: 0 });
    expect(stored(system, seq)?.status).toBe('failed');
    system.clock.time = until;
    expect(await coordinate(system.ctx())).toMatchObject({ retried: 1, buried: 0 });
  });

  test('by two coordinators at once happen once', async () => {
    const [again, never] = [await insertOne(system), await insertOne(system, { max_retries: 0 })];
    await processBatch(system.ctx(), [
      taskOf(
        'test',
        fails(() => new Error('no')),
      ),
    ]);
    await system.clock.advance(3000);
    const counts = await Promise.all(
      [1, 2, 3].map(() => coordinate(system.ctx(system.newEnv({ MAX_DLQ_REDRIVES: '0' })))),
    );
    expect(counts.reduce((sum, { retried = 0 }) => sum + retried, 0)).toBe(1);
    expect(counts.reduce((sum, { buried = 0 }) => sum + buried, 0)).toBe(1);
    expect(logsOf(system, again.seq, 'retried')).toHaveLength(1);
    expect(logsOf(system, never.seq, 'buried')).toHaveLength(1);
  });
});
