import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import { coordinate } from '../../core/coordinate.ts';
import { tick } from '../../core/http/tick.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import schedule from '../../functions/schedule-job.ts';
import { TestClock } from '../support/clock.ts';
import { gate, insertOne, stored, taskOf, turns } from '../support/drive.ts';
import { ADMIN, System } from '../support/system.ts';

const SKEW_MS = 120_000;
const common = { cron: 'PROCESS_CRON', summary: '', counts: {} } as const;

let system: System;
let opened: ReturnType<typeof gate>;
let runs: number;
beforeEach(() => {
  system = new System();
  // The database's time is real: it has no other.
  system.clock.time = Date.now();
  opened = gate();
  runs = 0;
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const held = taskOf('held', async () => {
  runs += 1;
  await opened.passed;
});
const quick = taskOf('quick', () => {
  runs += 1;
});
const process = tick({ name: 'process-batch', ...common, run: (ctx) => processBatch(ctx, [held, quick]) });
const watch = tick({ name: 'coordinate', ...common, run: coordinate });

/** A host over the same database whose clock is off by so much. */
const host = (off: number, CLOCK: string): Env =>
  system.newEnv({ CLOCK, LEASE_MS: '30000' }, new TestClock(Date.now() + off, 2));

/** Runs a job on a host with the right time, and meanwhile the ticks of a host whose clock is off. */
async function beside(off: number, clock: string): Promise<ReturnType<typeof stored>> {
  const { seq } = await insertOne(system, { task_type: 'held', run_at: Date.now() - 1000 });
  const running = process.scheduled({}, { ...system.env, CLOCK: clock });
  await turns(system.clock);
  expect(stored(system, seq)?.status).toBe('running');
  const other = host(off, clock);
  await watch.scheduled({}, other);
  const second = process.scheduled({}, other);
  await turns(system.clock);
  const seen = stored(system, seq);
  opened.open();
  await running;
  await second;
  return seen;
}

/** Schedules a job over HTTP on a host whose clock is off, as due in `delay_ms`; its run_at. */
async function scheduledBy(env: Env, delay_ms: number): Promise<number> {
  const request = new Request('http://test/v1/jobs', {
    method: 'POST',
    headers: { 'x-user-auth': ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ task_type: 'sleep', payload: { ms: 0 }, delay_ms }),
  });
  const response = await schedule.fetch(request, env);
  expect(response.status).toBe(201);
  return Date.parse(((await response.json()) as { run_at: string }).run_at);
}

describe.each([SKEW_MS, -SKEW_MS])('With CLOCK=database, on a host whose clock is off by %i ms', (off) => {
  test("a tick leaves the live lease of another host's worker alone", async () => {
    expect(await beside(off, 'database')).toMatchObject({ status: 'running', lease_epoch: 1, interruptions: 0 });
    expect(runs).toBe(1);
  });

  test('a job that is scheduled there is due by the time of the database, neither sooner nor later', async () => {
    const before = Date.now();
    const runAt = await scheduledBy(host(off, 'database'), 5000);
    expect(runAt).toBeGreaterThanOrEqual(before + 4900);
    expect(runAt).toBeLessThanOrEqual(Date.now() + 5100);
  });

  test('a job that is due runs there at once, and one that is not waits', async () => {
    const due = await insertOne(system, { task_type: 'quick', run_at: Date.now() - 100 });
    const early = await insertOne(system, { task_type: 'quick', run_at: Date.now() + 60_000 });
    await process.scheduled({}, host(off, 'database'));
    expect(stored(system, due.seq)?.status).toBe('done');
    expect(stored(system, early.seq)?.status).toBe('pending');
    expect(runs).toBe(1);
  });

  test('what is written there carries the time of the database', async () => {
    const { seq } = await insertOne(system, { task_type: 'quick', run_at: Date.now() - 100 });
    const before = Date.now();
    await process.scheduled({}, host(off, 'database'));
    const { started_at, finished_at } = stored(system, seq) ?? {};
    for (const at of [started_at, finished_at]) {
      expect(at).toBeGreaterThanOrEqual(before - 100);
      expect(at).toBeLessThanOrEqual(Date.now() + 100);
    }
  });
});

describe('With CLOCK=host', () => {
  test('a host whose clock is ahead would reclaim a live lease, and the job would run twice', async () => {
    expect(await beside(SKEW_MS, 'host')).toMatchObject({ lease_epoch: 2, interruptions: 1 });
    expect(runs).toBe(2);
  });

  test('a host whose clock is behind would leave a due job alone, and one ahead would start another too soon', async () => {
    const due = await insertOne(system, { task_type: 'quick', run_at: Date.now() - 100 });
    const early = await insertOne(system, { task_type: 'quick', run_at: Date.now() + 60_000 });
    await process.scheduled({}, host(-SKEW_MS, 'host'));
    expect(stored(system, due.seq)?.status).toBe('pending');
    await process.scheduled({}, host(SKEW_MS, 'host'));
    expect(stored(system, early.seq)?.status).toBe('done');
  });

  test('a host whose clock is off would schedule for another time', async () => {
    expect(await scheduledBy(host(SKEW_MS, 'host'), 5000)).toBeGreaterThan(Date.now() + 100_000);
  });
});

test('the time of the database is asked for once a minute by endpoints, and by every tick anew', async () => {
  let asked = 0;
  const env = host(0, 'database');
  const { DB } = env;
  const prepare = (sql: string) => {
    if (sql.includes("unixepoch('subsec')")) asked += 1;
    return DB.prepare(sql);
  };
  env.DB = { prepare, batch: (statements) => DB.batch(statements) };
  const clock = env.SOURCES as TestClock;
  for (let i = 0; i < 3; i++) await scheduledBy(env, 0);
  expect(asked).toBe(1);
  clock.time += 61_000;
  await scheduledBy(env, 0);
  expect(asked).toBe(2);
  await watch.scheduled({}, env);
  await watch.scheduled({}, env);
  expect(asked).toBe(4);
});

test('a clock that is set while an isolate lives misleads it for a minute at most', async () => {
  const env = host(0, 'database');
  await scheduledBy(env, 0);
  (env.SOURCES as TestClock).time += SKEW_MS;
  expect(await scheduledBy(env, 5000)).toBeLessThanOrEqual(Date.now() + 5100);
});
