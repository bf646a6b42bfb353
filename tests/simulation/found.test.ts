import { afterEach, expect, test } from 'vitest';
import { onOneClock } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import processBatch from '../../functions/process-batch.ts';
import { during, turns } from '../support/drive.ts';
import { FaultyPort } from '../support/faulty-port.ts';
import { System } from '../support/system.ts';

// What the simulation has found, each as a test of its own: once the code changes, a seed means another run.

let system: System;
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

/** A database under whose first answers the host is suspended for hours. */
function suspending(real: Database, times: number): Database {
  let calls = 0;
  const first = async (sql: string) => {
    const row = await real.prepare(sql).first();
    if (calls++ < times) system.clock.time += 36_000_000;
    return row;
  };
  return { prepare: (sql: string) => ({ first: () => first(sql) }) } as unknown as Database;
}

test("a host that was suspended while it asked for the database's time asks again", async () => {
  system = new System({ CLOCK: 'database' });
  const { DB } = system.env;
  const timeAfter = async (suspensions: number): Promise<number> => {
    const env = { ...system.env, DB: suspending(DB, suspensions) };
    return (await onOneClock(system.ctx(env))).now();
  };
  const truth = await timeAfter(0);
  for (const suspensions of [1, 2, 3]) expect(Math.abs((await timeAfter(suspensions)) - truth)).toBeLessThan(60_000);
});

test('a tick that finds every slot taken calls no other tick, however much is due', async () => {
  system = new System({ PROCESS_CONCURRENCY: '1', TICK_BUDGET_MS: '500', JOB_TIMEOUT_MS: '60000' });
  const woken: string[] = [];
  system.env.PROCESSOR = {
    fetch: async (url) => {
      woken.push(String(url));
      return new Response();
    },
  };
  await system.schedule('sleep', { ms: 50_000 });
  const first = processBatch.scheduled({}, system.env);
  await turns(system.clock);
  await system.clock.advance(1000);
  await system.schedule('sleep', { ms: 0 });
  await system.clock.advance(10);
  woken.length = 0;
  expect(await during(system.clock, processBatch.scheduled({}, system.env))).toMatchObject({ claimed: 0, joined: 0 });
  expect(woken).toEqual([]);
  expect(await during(system.clock, first, 1000)).toMatchObject({ claimed: 1, done: 1 });
});

test('a request that was carried out is not told that nothing was changed, whatever its second try meets', async () => {
  system = new System();
  const lost = new FaultyPort(system.env.DB, (call) => (call === 1 ? 'after' : undefined));
  const busy = new FaultyPort(lost, (call) => (call === 2 ? 'before' : undefined), 'SQLITE_BUSY: database is locked');
  system.env.DB = busy;
  const request = { task_type: 'sleep', payload: { ms: 0 } };
  const { status, json } = await during(system.clock, system.call('POST', '/v1/jobs', request));
  expect([status, json.code]).toEqual([503, 'database_busy']);
  expect(system.db.prepare('SELECT count(*) FROM jobs').pluck().get()).toBe(1);
  expect(json.detail).not.toContain('nothing');
});
