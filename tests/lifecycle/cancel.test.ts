import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { PermanentError, RetryLater, type TaskContext } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { gate, insertOne, logsOf, stored, taskOf, turns } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const cancel = ({ id }: { id: string }, token?: string) =>
  system.call('POST', `/v1/jobs/${id}/cancel`, undefined, token ? { token } : {});
const run = (handler: (ctx: TaskContext) => unknown = () => 'ran') =>
  processBatch(system.ctx(), [taskOf('test', (_, ctx) => handler(ctx))]);
const fail = () => {
  throw new PermanentError('no');
};

describe('Cancelling a job', () => {
  const reach: [string, () => Promise<unknown>][] = [
    ['pending', async () => {}],
    ['failed', () => run(fail)],
    ['dlq', async () => [await run(fail), await coordinate(system.ctx())]],
  ];

  test.each(reach)('that is %s ends it at once, for good, and names who asked', async (status, prepare) => {
    const ada = await system.user();
    const job = await insertOne(system, { owner: ada.id });
    await prepare();
    expect(stored(system, job.seq)?.status).toBe(status);

    const answer = await cancel(job, ada.token);
    expect(answer).toMatchObject({ status: 200, json: { id: job.id, status: 'cancelled' } });
    expect(stored(system, job.seq)).toMatchObject({ status: 'cancelled', finished_at: system.clock.now() });
    const [row] = logsOf(system, job.seq, 'cancelled');
    expect([row?.from_status, JSON.parse(row?.data ?? '')]).toEqual([status, { actor: ada.id }]);

    await system.clock.advance(3_600_000);
    await coordinate(system.ctx());
    expect(await run()).toMatchObject({ claimed: 0 });
    expect(stored(system, job.seq)?.status).toBe('cancelled');
  });

  test.each([
    ['done', async () => run()],
    ['cancelled', async (job: { id: string }) => cancel(job)],
  ] as const)('that is %s is refused, and nothing changes', async (status, prepare) => {
    const job = await insertOne(system);
    await prepare(job);
    const before = stored(system, job.seq);
    const rows = logsOf(system, job.seq);
    expect(await cancel(job)).toMatchObject({ status: 409, json: { code: 'job_finished' } });
    expect(stored(system, job.seq)).toEqual(before);
    expect(before?.status).toBe(status);
    expect(logsOf(system, job.seq)).toEqual(rows);
  });

  test('of another owner is refused as if there were none', async () => {
    const [ada, bob] = [await system.user(), await system.user('user', 'bob')];
    const job = await insertOne(system, { owner: ada.id });
    expect((await cancel(job, bob.token)).status).toBe(404);
    expect(stored(system, job.seq)?.status).toBe('pending');
    expect((await cancel(job)).status).toBe(200);
  });
});

describe('Cancelling a running job', () => {
  /** Starts a handler, cancels its job, and lets the worker notice. */
  async function during(end: (ctx: TaskContext) => unknown, notice = true) {
    const { seq, id } = await insertOne(system);
    const held = gate();
    const seen: { aborted?: boolean; reason?: string } = {};
    const work = run(async (ctx) => {
      ctx.signal.addEventListener('abort', () => {
        seen.reason = String(ctx.signal.reason);
      });
      await held.passed;
      seen.aborted = ctx.signal.aborted;
      return end(ctx);
    });
    await turns(system.clock);
    const answer = await cancel({ id });
    expect(answer).toMatchObject({ status: 200, json: { status: 'running' } });
    expect(answer.json.cancel_requested_at).not.toBeNull();
    if (notice) await system.clock.advance(1000);
    held.open();
    const counts = await work;
    await turns(system.clock);
    return { seq, id, seen, counts };
  }

  const ends: [string, () => unknown][] = [
    ['returned', () => 'ran'],
    ['threw', () => Promise.reject(new Error('no'))],
    ['threw for good', () => Promise.reject(new PermanentError('no'))],
    ['asked to be run later', () => Promise.reject(new RetryLater(10))],
  ];

  test.each(ends)('aborts its signal and ends as cancelled, though the handler %s', async (_, end) => {
    const { seq, seen, counts } = await during(end);
    expect(seen).toEqual({ aborted: true, reason: 'Error: cancelled' });
    expect(counts).toMatchObject({ cancelled: 1, done: 0, failed: 0, released: 0, stale: 0 });
    expect(stored(system, seq)).toMatchObject({ status: 'cancelled', result: null, error: null, retries: 0 });
    expect(logsOf(system, seq).map(({ event }) => event)).toEqual([
      'scheduled',
      'claimed',
      'cancel_requested',
      'cancelled',
    ]);
  });

  test.each(ends)('ends as cancelled also where the handler %s before the worker noticed', async (_, end) => {
    const { seq, id, seen, counts } = await during(end, false);
    expect(seen).toEqual({ aborted: false });
    expect(counts).toMatchObject({ cancelled: 1, done: 0, failed: 0, released: 0, stale: 0 });
    expect(stored(system, seq)).toMatchObject({ status: 'cancelled', result: null, error: null });
    expect((await cancel({ id })).status).toBe(409);
  });

  test('whose handler never returns still ends it', async () => {
    const { seq, id } = await insertOne(system);
    const work = run(() => new Promise(() => {}));
    await turns(system.clock);
    await cancel({ id });
    await system.clock.advance(1000);
    expect(await work).toMatchObject({ cancelled: 1 });
    expect(stored(system, seq)?.status).toBe('cancelled');
  });

  test('twice is accepted twice and logged once', async () => {
    const { seq, id } = await insertOne(system);
    const held = gate();
    const work = run(() => held.passed);
    await turns(system.clock);
    const first = await cancel({ id });
    await system.clock.advance(10);
    const second = await cancel({ id });
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.json.cancel_requested_at).toBe(first.json.cancel_requested_at);
    expect(logsOf(system, seq, 'cancel_requested')).toHaveLength(1);
    held.open();
    await work;
    expect(logsOf(system, seq, 'cancelled')).toHaveLength(1);
  });

  test('leaves its neighbours running', async () => {
    const [gone, kept] = [await insertOne(system), await insertOne(system)];
    const held = gate();
    const work = run(() => held.passed);
    await turns(system.clock);
    await cancel(gone);
    await system.clock.advance(1000);
    expect([stored(system, gone.seq)?.status, stored(system, kept.seq)?.status]).toEqual(['cancelled', 'running']);
    held.open();
    expect(await work).toMatchObject({ cancelled: 1, done: 1 });
  });
});
