import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processBatch } from '../../core/worker/process-batch.ts';
import { during, gate, insert, insertOne, logsOf, stored, taskOf, turns } from '../support/drive.ts';
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
const statuses = () => system.db.prepare('SELECT status FROM jobs ORDER BY seq').pluck().all();

describe('TICK_BUDGET_MS', () => {
  test('once spent stops claiming; what runs is settled, and the rest is left to a tick that is woken', async () => {
    await many(10);
    const env = system.newEnv({ TICK_BUDGET_MS: '1000', PROCESS_CONCURRENCY: '1' });
    const woken: string[] = [];
    env.PROCESSOR = {
      fetch: async (request) => {
        woken.push(String(request));
        return new Response();
      },
    };
    const tasks = [
      taskOf('test', () => {
        system.clock.time += 300;
      }),
    ];
    expect(await processBatch(system.ctx(env), tasks)).toMatchObject({ claimed: 4, done: 4 });
    expect(statuses()).toEqual([...Array(4).fill('done'), ...Array(6).fill('pending')]);
    expect(woken).toEqual(['https://processor/v1/ticks/process-batch']);
    expect(await processBatch(system.ctx(env), tasks)).toMatchObject({ claimed: 4 });
    expect(await processBatch(system.ctx(env), tasks)).toMatchObject({ claimed: 2, done: 2 });
    expect(woken).toHaveLength(2);
  });

  test('does not cut a handler short', async () => {
    await insertOne(system);
    const env = system.newEnv({ TICK_BUDGET_MS: '1000' });
    const held = gate();
    const work = processBatch(system.ctx(env), [taskOf('test', () => held.passed)]);
    await turns(system.clock);
    for (let i = 0; i < 20; i++) await system.clock.advance(1000);
    expect(statuses()).toEqual(['running']);
    held.open();
    expect(await work).toMatchObject({ done: 1 });
  });
});

describe('PROCESS_PACE_MS', () => {
  test('pauses between jobs, so that each can be watched', async () => {
    await many(4);
    const env = system.newEnv({ PROCESS_PACE_MS: '500' });
    const starts: number[] = [];
    const start = system.clock.now();
    const tasks = [taskOf('test', () => starts.push(system.clock.now() - start))];
    const work = processBatch(system.ctx(env), tasks);
    await turns(system.clock);
    expect(statuses()).toEqual(['done', 'pending', 'pending', 'pending']);
    await system.clock.advance(499);
    expect(starts).toEqual([0]);
    expect(await during(system.clock, work, 1)).toMatchObject({ claimed: 4, done: 4 });
    expect(starts).toEqual([0, 500, 1000, 1500]);
  });

  test('counts from the end of a job where jobs run one after another', async () => {
    await many(3);
    const env = system.newEnv({ PROCESS_PACE_MS: '500', PROCESS_CONCURRENCY: '1' });
    const spans: [number, number][] = [];
    const tasks = [
      taskOf('test', async (_, ctx) => {
        const start = ctx.now();
        await ctx.sleep(200);
        spans.push([start, ctx.now()]);
      }),
    ];
    expect(await during(system.clock, processBatch(system.ctx(env), tasks), 100)).toMatchObject({ done: 3 });
    for (const [i, [start]] of spans.entries())
      if (i > 0) expect(start - (spans[i - 1]?.[1] ?? 0)).toBeGreaterThanOrEqual(500);
  });
});

describe('A host that stops', () => {
  /**
   * Claims ahead of its two slots: quick jobs teach the worker how short they are, then two hold the slots, of which
   * one ends in the moment the host stops. The last three wait.
   */
  async function ahead(holding: (stop: AbortController) => unknown) {
    const stop = new AbortController();
    const idle = gate();
    stop.signal.addEventListener('abort', idle.open);
    const env = { ...system.newEnv({ PROCESS_CONCURRENCY: '2' }), STOPPING: stop.signal };
    const started: string[] = [];
    const tasks = [
      taskOf('quick', () => 'ran'),
      taskOf('idle', () => idle.passed),
      taskOf('hold', () => holding(stop)),
      taskOf('test', ({ id }) => started.push(id)),
    ];
    const quick = { task_type: 'quick' };
    await insert(system, quick, quick, { task_type: 'idle' }, { task_type: 'hold' }, {}, {}, {});
    const work = processBatch(system.ctx(env), tasks);
    await turns(system.clock);
    return { stop, started, work, env, tasks };
  }

  test('gives back what was claimed and not started, without a charge', async () => {
    const held = gate();
    const { stop, started, work } = await ahead(() => held.passed);
    expect(statuses()).toEqual(['done', 'done', ...Array(5).fill('running')]);
    stop.abort();
    await turns(system.clock);
    expect(statuses()).toEqual(['done', 'done', 'done', 'running', ...Array(3).fill('pending')]);
    expect(started).toEqual([]);
    held.open();
    expect(await work).toMatchObject({ claimed: 7, done: 4, released: 3, stale: 0 });
    for (const seq of [5, 6, 7]) {
      expect(stored(system, seq)).toMatchObject({ retries: 0, interruptions: 0, lease_epoch: 1 });
      expect(logsOf(system, seq, 'released')).toMatchObject([{ message: 'The worker is stopping.' }]);
    }
  });

  test('starts no other job when a handler ends in the same moment', async () => {
    const { started, work } = await ahead((stop) => stop.abort());
    expect(await work).toMatchObject({ done: 4, released: 3 });
    expect(started).toEqual([]);
    expect(statuses()).toEqual([...Array(4).fill('done'), ...Array(3).fill('pending')]);
  });

  test('lets handlers end, and takes their outcome', async () => {
    const held = gate();
    const { stop, work } = await ahead(() => held.passed);
    stop.abort();
    await system.clock.advance(4999);
    held.open();
    expect(await work).toMatchObject({ done: 4, released: 3 });
  });

  test('gives a handler that does not end in time back to the queue', async () => {
    const { stop, work } = await ahead(() => new Promise(() => {}));
    stop.abort();
    await turns(system.clock);
    await system.clock.advance(5000);
    expect(await work).toMatchObject({ done: 3, released: 4 });
    expect(stored(system, 4)).toMatchObject({ status: 'pending', retries: 0, interruptions: 0 });
  });

  test('claims nothing more', async () => {
    const held = gate();
    const { stop, work, env, tasks } = await ahead(() => held.passed);
    stop.abort();
    await many(2);
    held.open();
    await work;
    expect(await processBatch(system.ctx(env), tasks)).toMatchObject({ claimed: 0 });
    expect(statuses().slice(4)).toEqual(Array(5).fill('pending'));
  });
});
