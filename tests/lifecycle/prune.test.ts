import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { prune } from '../../core/lifecycle/prune.ts';
import { PermanentError } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { insert, insertOne, logsOf, stored, taskOf } from '../support/drive.ts';
import { System } from '../support/system.ts';

const DAY = 86_400_000;
let system: System;
beforeEach(() => {
  system = new System({ RETENTION_DAYS: '2', MAX_DLQ_REDRIVES: '0' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const run = () =>
  processBatch(system.ctx(), [
    taskOf('test', () => 'ran'),
    taskOf('bad', () => {
      throw new PermanentError('no');
    }),
  ]);
const tick = (env = system.env) => coordinate(system.ctx(env));
const cancel = (id: string) => system.call('POST', `/v1/jobs/${id}/cancel`);
const report = async () => (await system.call('GET', '/v1/jobs/report')).json;

describe('Pruning', () => {
  test('deletes a done job when its time is over, not a millisecond before, and keeps one row that names it', async () => {
    const { seq, id } = await insertOne(system);
    await run();
    await tick();
    await system.clock.advance(2 * DAY);
    expect(await tick()).toMatchObject({ pruned: 0 });
    expect(stored(system, seq)?.status).toBe('done');
    await system.clock.advance(1);
    expect(await tick()).toMatchObject({ pruned: 1 });
    expect(stored(system, seq)).toBeUndefined();
    const [row, ...more] = logsOf(system, seq);
    expect(more).toEqual([]);
    expect(row).toMatchObject({ event: 'pruned', from_status: 'done', to_status: null, at: system.clock.now() });
    expect(JSON.parse(row?.data ?? '')).toEqual({ job_id: id });
    expect((await system.call('GET', `/v1/jobs/${id}`)).status).toBe(404);
    const { items } = (await system.call('GET', `/v1/logs?job_id=${id}`)).json;
    expect(items).toMatchObject([{ event: 'pruned', job_id: id }]);
  });

  test('deletes cancelled jobs, too, counting from the cancel', async () => {
    const { seq, id } = await insertOne(system, { run_at: system.clock.now() + 100 * DAY });
    await system.clock.advance(50 * DAY);
    await cancel(id);
    await tick();
    await system.clock.advance(2 * DAY);
    expect(await tick()).toMatchObject({ pruned: 0 });
    await system.clock.advance(1);
    expect(await tick()).toMatchObject({ pruned: 1 });
    expect(logsOf(system, seq)).toMatchObject([{ event: 'pruned', from_status: 'cancelled' }]);
  });

  test('never touches jobs that are pending, running, failed or in the dead-letter queue', async () => {
    const [buried] = await insert(system, { task_type: 'bad' });
    await run();
    await tick();
    await insert(system, { run_at: system.clock.now() + 1000 * DAY });
    const before = system.db.prepare('SELECT * FROM jobs').all();
    expect(stored(system, buried?.seq as number)?.status).toBe('dlq');
    await system.clock.advance(500 * DAY);
    expect(await tick()).toMatchObject({ pruned: 0 });
    expect(system.db.prepare('SELECT * FROM jobs').all()).toEqual(before);
  });

  test('with RETENTION_DAYS 0 deletes nothing, ever', async () => {
    const env = system.newEnv({ RETENTION_DAYS: '0' });
    const { seq } = await insertOne(system);
    await run();
    await tick(env);
    await system.clock.advance(36_500 * DAY);
    expect(await tick(env)).toMatchObject({ pruned: 0 });
    expect(await prune(system.ctx(env), 10)).toBe(0);
    expect(stored(system, seq)?.status).toBe('done');
    expect(logsOf(system, seq).map(({ event }) => event)).toEqual(['scheduled', 'claimed', 'done']);
  });

  test('waits until the report has counted the job', async () => {
    const { seq } = await insertOne(system);
    await run();
    await system.clock.advance(3 * DAY);
    expect(await prune(system.ctx(), 10)).toBe(0);
    expect(stored(system, seq)?.status).toBe('done');
    await tick();
    expect(await prune(system.ctx(), 10)).toBe(1);
  });

  test('keeps the report right', async () => {
    const kept = { task_type: 'bad' };
    await insert(system, {}, {}, {}, kept);
    await run();
    const { id } = await insertOne(system, { run_at: system.clock.now() + DAY });
    await cancel(id);
    await tick();
    expect((await report()).totals).toMatchObject({ done: 3, cancelled: 1, dlq: 1 });
    await system.clock.advance(3 * DAY);
    expect(await prune(system.ctx(), 2)).toBe(2);
    const none = { pending: 0, running: 0, failed: 0 };
    expect((await report()).totals).toEqual({ ...none, done: 1, cancelled: 1, dlq: 1 });
    await tick();
    expect(await report()).toMatchObject({
      totals: { ...none, done: 0, cancelled: 0, dlq: 1 },
      counts: { done: {}, cancelled: {}, dlq: { bad: 1 } },
    });
  });

  test('takes the oldest first, and no more than its limit, until all is gone', async () => {
    for (let i = 0; i < 3; i++) {
      await insert(system, ...Array.from({ length: 400 }, () => ({})));
      await run();
      await system.clock.advance(1000);
    }
    await tick();
    await system.clock.advance(3 * DAY);
    expect(await prune(system.ctx(), 400)).toBe(400);
    expect(system.db.prepare('SELECT min(seq), count(*) FROM jobs').raw().get()).toEqual([401, 800]);
    expect(await tick()).toMatchObject({ pruned: 800 });
    expect(system.db.prepare('SELECT DISTINCT event FROM logs').pluck().all()).toEqual(['pruned']);
    expect(system.db.prepare('SELECT count(*) FROM logs').pluck().get()).toBe(1200);
  });

  test('by several coordinators at once deletes each job once', async () => {
    await insert(system, {}, {}, {});
    await run();
    await tick();
    await system.clock.advance(3 * DAY);
    const envs = [1, 2, 3].map(() => system.newEnv({ RETENTION_DAYS: '2' }));
    const counts = await Promise.all(envs.map(tick));
    expect(counts.reduce((sum, { pruned = 0 }) => sum + pruned, 0)).toBe(3);
    for (const seq of [1, 2, 3]) expect(logsOf(system, seq)).toHaveLength(1);
  });

  test('frees the idempotency key of the job', async () => {
    const request = { task_type: 'sleep', payload: { ms: 0 }, idempotency_key: 'k' };
    const { json } = await system.call('POST', '/v1/jobs', request);
    await cancel(json.id);
    await tick();
    await system.clock.advance(3 * DAY);
    await tick();
    const again = await system.call('POST', '/v1/jobs', request);
    expect(again.status).toBe(201);
    expect(again.json.id).not.toBe(json.id);
  });

  test('never lets another job have the number of one that is gone, so no log row or lease can mean both', async () => {
    const first = await insertOne(system);
    await cancel(first.id);
    await tick();
    await system.clock.advance(3 * DAY);
    expect(await tick()).toMatchObject({ pruned: 1 });
    const second = await insertOne(system);
    expect(second.seq).toBeGreaterThan(first.seq);
    expect(logsOf(system, second.seq).map(({ event }) => event)).toEqual(['scheduled']);
  });
});
