import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processBatch } from '../../core/worker/process-batch.ts';
import processBatchTick from '../../functions/process-batch.ts';
import { during, gate, insert, insertOne, logsOf, stored, taskOf, turns } from '../support/drive.ts';
import { FaultyPort } from '../support/faulty-port.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const many = (n: number) => insert(system, ...Array.from({ length: n }, () => ({})));

/** A handler that counts how many of it run at once. */
function meter() {
  const seen = { now: 0, most: 0, runs: 0 };
  const tasks = [
    taskOf('test', async () => {
      seen.runs += 1;
      seen.most = Math.max(seen.most, ++seen.now);
      await turns(system.clock, 1 + (seen.runs % 3));
      seen.now -= 1;
    }),
  ];
  return { seen, tasks };
}

describe('Process-batch', () => {
  test('claims, runs and settles a scheduled job, and its log says so', async () => {
    const { id } = await system.schedule('transform', { input: { a: 1 }, expression: 'a' });
    const counts = await processBatchTick.scheduled({}, system.env);
    expect(counts).toMatchObject({ claimed: 1, done: 1, failed: 0 });
    expect(await system.job(id)).toMatchObject({ status: 'done', result: 1, lease_epoch: 1 });
    expect(system.events(id)).toEqual(['scheduled', 'claimed', 'done']);
  });

  test('gives the handler its job, its number of the attempt and its tools', async () => {
    const { seq, id } = await insertOne(system, { payload: '{"a":[1,{"b":null}]}', owner: 'ada' });
    let told: unknown;
    await processBatch(system.ctx(), [
      taskOf('test', async (job, ctx) => {
        told = { ...job, now: ctx.now(), worker: ctx.workerId, aborted: ctx.signal.aborted };
        await ctx.persistLog('warn', 'half way', { percent: 50 });
      }),
    ]);
    const worker = logsOf(system, seq, 'claimed')[0]?.worker;
    expect(told).toEqual({
      ...{ id, owner_id: 'ada', task_type: 'test', payload: { a: [1, { b: null }] }, attempt: 1 },
      ...{ now: system.clock.now(), worker, aborted: false },
    });
    expect(logsOf(system, seq, 'message')).toMatchObject([
      { level: 'warn', message: 'half way', data: '{"percent":50}', worker, epoch: 1, to_status: null },
    ]);
  });

  test('asks for another tick where more fell due while it ran, until nothing is due', async () => {
    await many(3);
    let left = 5;
    const tasks = [
      taskOf('test', async () => {
        if (left-- > 0) await insertOne(system);
      }),
    ];
    let woken = 0;
    const env = system.newEnv();
    env.PROCESSOR = { fetch: async () => new Response(String(woken++)) };
    let claimed = 0;
    for (let ticks = 0; ticks === woken; ticks++) claimed += (await processBatch(system.ctx(env), tasks)).claimed ?? 0;
    expect([claimed, woken > 0]).toEqual([8, true]);
    expect(system.db.prepare('SELECT DISTINCT status FROM jobs').pluck().all()).toEqual(['done']);
  });

  test('says when the next job falls due, and nothing where none waits', async () => {
    const run = () => processBatch(system.ctx(), []);
    expect(await run()).not.toHaveProperty('next_at');
    await insertOne(system, { run_at: system.clock.now() + 700 });
    expect(await run()).toMatchObject({ claimed: 0, next_at: system.clock.now() + 700 });
  });

  test('runs jobs in their order when it runs them one after another', async () => {
    await insert(system, { priority: 1 }, { priority: 3 }, { priority: 2 }, { priority: 3 });
    const order: string[] = [];
    const env = system.newEnv({ PROCESS_CONCURRENCY: '1' });
    await processBatch(system.ctx(env), [taskOf('test', ({ id }) => order.push(id))]);
    expect(order).toEqual([2, 4, 3, 1].map((seq) => stored(system, seq)?.id));
  });
});

describe('PROCESS_CONCURRENCY', () => {
  test.each([1, 2, 7])('%i is never exceeded, and is used to the full', async (most) => {
    await many(60);
    const { seen, tasks } = meter();
    const env = system.newEnv({ PROCESS_CONCURRENCY: String(most) });
    expect(await processBatch(system.ctx(env), tasks)).toMatchObject({ claimed: 60, done: 60, stale: 0 });
    expect(seen).toEqual({ now: 0, most, runs: 60 });
  });

  test('1 claims a job when the one before it is settled, so that no two are ever running', async () => {
    await many(6);
    const env = system.newEnv({ PROCESS_CONCURRENCY: '1' });
    const work = processBatch(system.ctx(env), [taskOf('test', (_, ctx) => ctx.sleep(30))]);
    expect(await during(system.clock, work, 10)).toMatchObject({ done: 6 });
    const events = system.db.prepare("SELECT event FROM logs WHERE event <> 'scheduled' ORDER BY seq").pluck().all();
    expect(events).toEqual(Array(6).fill(['claimed', 'done']).flat());
  });

  test('holds for all invocations of one process together', async () => {
    await many(40);
    const { seen, tasks } = meter();
    const env = system.newEnv({ PROCESS_CONCURRENCY: '3', TICK_BUDGET_MS: '10' });
    const works: Promise<{ claimed?: number }>[] = [];
    for (let i = 0; i < 30; i++) {
      works.push(processBatch(system.ctx(env), tasks));
      await system.clock.turn();
      // Its time is spent, so the next invocation starts a worker of its own beside it.
      system.clock.time += 11;
    }
    const counts = await Promise.all(works);
    expect(seen.most).toBe(3);
    expect(counts.filter(({ claimed = 0 }) => claimed > 0).length).toBeGreaterThan(1);
    await processBatch(system.ctx(system.newEnv()), tasks);
    expect(seen.runs).toBe(40);
  });

  test('holds after a worker failed under its handlers, which it lets go of', async () => {
    await many(2);
    const env = system.newEnv({ PROCESS_CONCURRENCY: '2' });
    const held = gate();
    let dead = false;
    env.DB = new FaultyPort(env.DB, () => (dead ? 'before' : undefined), 'gone');
    const reasons: string[] = [];
    let runs = 0;
    const tasks = [
      taskOf('test', (_, ctx) => {
        if (runs++ > 0) return 'quick';
        ctx.signal.addEventListener('abort', () => reasons.push(String(ctx.signal.reason)));
        return held.passed;
      }),
    ];
    const work = processBatch(system.ctx(env), tasks);
    await system.clock.turn();
    expect([runs, stored(system, 1)?.status]).toEqual([2, 'running']);
    dead = true;
    await expect(during(system.clock, work, 10)).rejects.toThrow('gone');
    dead = false;
    expect(reasons).toEqual(['Error: worker failed']);

    for (const before of ['the handler ended', 'after']) {
      await many(20);
      const { seen, tasks: metered } = meter();
      await processBatch(system.ctx(env), metered);
      expect([before, seen.most, seen.now]).toEqual([before, 2, 0]);
      held.open();
      await turns(system.clock);
    }
  });
});

describe('An invocation that finds a worker of its process at work', () => {
  test('joins it, and the worker takes what has come', async () => {
    const held = gate();
    await insertOne(system);
    const tasks = [taskOf('test', () => held.passed), taskOf('late', () => 'late')];
    const work = processBatch(system.ctx(), tasks);
    await turns(system.clock);

    const late = await insertOne(system, { task_type: 'late' });
    expect(await processBatch(system.ctx(), tasks)).toMatchObject({ joined: 1, claimed: 0, done: 0 });
    await turns(system.clock);
    expect(stored(system, late.seq)?.status).toBe('done');

    held.open();
    expect(await work).toMatchObject({ joined: 0, claimed: 2, done: 2 });
  });

  test('of another process works beside it', async () => {
    const held = gate();
    await insertOne(system);
    const tasks = [taskOf('test', () => held.passed), taskOf('late', () => 'late')];
    const work = processBatch(system.ctx(), tasks);
    await turns(system.clock);
    await insertOne(system, { task_type: 'late' });
    expect(await processBatch(system.ctx(system.newEnv()), tasks)).toMatchObject({ joined: 0, done: 1 });
    held.open();
    expect(await work).toMatchObject({ claimed: 1, done: 1 });
  });
});
