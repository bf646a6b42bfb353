import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import { tick } from '../../core/http/tick.ts';
import { processBatch as batch } from '../../core/worker/process-batch.ts';
import coordinate from '../../functions/coordinate.ts';
import processBatch from '../../functions/process-batch.ts';
import { during, gate, insert, insertOne, stored, taskOf, turns } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
/** The ticks that were woken, in order. */
let woken: string[];

beforeEach(() => {
  system = new System();
  woken = [];
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

/** An invocation of its own, as the gateway makes one: with an env and a signal that no other shares. */
function invocation(more: Record<string, string> = {}): { env: Env; end: () => void } {
  const stopping = new AbortController();
  const env = system.newEnv({ TICK_LINGER_MS: '55000', ...more });
  env.DB = system.env.DB;
  env.STOPPING = stopping.signal;
  env.PROCESSOR = {
    fetch: async (url) => {
      woken.push(String(url).replace(/.*\//, ''));
      return new Response();
    },
  };
  return { env, end: () => stopping.abort() };
}

const schedule = (delay_ms: number, ms = 0) => system.schedule('sleep', { ms }, { delay_ms });

test('a tick that lingers starts a job at the time it falls due, and no earlier', async () => {
  const { id } = await schedule(10_000);
  const due = system.clock.now() + 10_000;
  const counts = await during(system.clock, processBatch.scheduled({}, invocation().env));
  expect(counts).toMatchObject({ claimed: 1, done: 1 });
  const { started_at } = await system.job(id);
  expect(Date.parse(started_at as string)).toBeGreaterThanOrEqual(due);
  expect(Date.parse(started_at as string)).toBeLessThan(due + 200);
  expect(woken).toEqual([]);
});

test('a tick does not linger for what falls due after the time it may', async () => {
  await schedule(60_000);
  const counts = await processBatch.scheduled({}, invocation().env);
  expect(counts).toMatchObject({ claimed: 0, next_at: system.clock.now() + 60_000 });
  expect(woken).toEqual([]);
});

test('a tick whose call is over while it waits hands on to one other call', async () => {
  const { id } = await schedule(30_000);
  const { env, end } = invocation();
  const running = processBatch.scheduled({}, env);
  await turns(system.clock);
  await system.clock.advance(20_000);
  expect(woken).toEqual([]);
  end();
  expect(await during(system.clock, running)).toMatchObject({ claimed: 0 });
  expect(woken).toEqual(['process-batch']);
  expect((await system.job(id)).status).toBe('pending');
});

test('a tick that was called when its host had begun to stop hands on to nobody', async () => {
  await schedule(1000);
  const { env, end } = invocation();
  end();
  await processBatch.scheduled({}, env);
  await coordinate.scheduled({}, env);
  expect(woken).toEqual([]);
});

test('while one call of an isolate waits for a job, the next one that would ends at once', async () => {
  await schedule(10_000);
  const first = processBatch.scheduled({}, invocation().env);
  await turns(system.clock);
  expect(await processBatch.scheduled({}, invocation().env)).toMatchObject({ claimed: 0 });
  expect(await during(system.clock, first)).toMatchObject({ done: 1 });
});

test('a call waits for a job that falls due before the one another call waits for', async () => {
  await schedule(20_000);
  const first = processBatch.scheduled({}, invocation().env);
  await turns(system.clock);
  await schedule(5000);
  const second = processBatch.scheduled({}, invocation().env);
  expect(await during(system.clock, second)).toMatchObject({ done: 1 });
  expect(await during(system.clock, first)).toMatchObject({ done: 1 });
});

test('a tick that has spent its queries hands what is left to one other call, not to two', async () => {
  await insert(system, ...Array.from({ length: 40 }, () => ({ task_type: 'sleep', payload: '{"ms":0}' })));
  const { env } = invocation({ TICK_MAX_QUERIES: '20', PROCESS_BATCH_SIZE: '2', PROCESS_CONCURRENCY: '2' });
  const counts = await during(system.clock, processBatch.scheduled({}, env));
  expect(counts.done).toBeGreaterThan(0);
  expect(counts.done).toBeLessThan(40);
  expect(woken).toEqual(['process-batch']);
});

test('a worker that has spent its time leaves what is left to another that is at work', async () => {
  const held = gate();
  const tasks = [taskOf('long', () => held.passed), taskOf('short', () => 1)];
  const pair = tick({
    name: 'process-batch',
    cron: 'PROCESS_CRON',
    summary: '',
    counts: {},
    run: (ctx) => batch(ctx, tasks),
  });
  const long = await insertOne(system, { task_type: 'long' });
  const first = pair.scheduled({}, invocation({ TICK_BUDGET_MS: '1000' }).env);
  await turns(system.clock);
  expect(stored(system, long.seq)?.status).toBe('running');

  await insert(system, ...Array.from({ length: 10 }, () => ({ task_type: 'short' })));
  const paced = { TICK_BUDGET_MS: '1000', PROCESS_PACE_MS: '400' };
  const counts = await during(system.clock, pair.scheduled({}, invocation(paced).env));
  expect(counts.done).toBeLessThan(10);
  expect(counts.next_at).toBeUndefined();

  held.open();
  // Its time for new work is spent: it begins anew with what the other left.
  expect(await during(system.clock, first)).toMatchObject({ done: 11 - (counts.done ?? 0) });
  expect(woken).toEqual([]);
});
