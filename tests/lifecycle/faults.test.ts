import { afterEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { PermanentError, RetryLater } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { TestClock } from '../support/clock.ts';
import { during, insert, logsOf, stored, taskOf } from '../support/drive.ts';
import { type Fault, FaultyPort } from '../support/faulty-port.ts';
import { System } from '../support/system.ts';

const PASSING = 'D1_ERROR: Network connection lost.';
const LASTING = 'SQLITE_IOERR: disk I/O error';
const settings = { BACKOFF_BASE_MS: '500', MAX_DLQ_REDRIVES: '0', LEASE_MS: '3000' };

let system: System;
const systems: System[] = [];
function renew(env: Record<string, string> = {}): void {
  for (const one of systems.splice(0)) one.close();
  system = new System(env);
  systems.push(system);
}
afterEach(() => {
  for (const one of systems.splice(0)) one.close();
});

const first = new Set<string>();
const once = (id: string, act: () => unknown): unknown => {
  if (first.has(id)) return 'ran';
  first.add(id);
  return act();
};

const tasks = [
  taskOf('test', () => 'ran'),
  taskOf('slow', async (_, ctx) => ctx.sleep(2500)),
  taskOf('unlucky', ({ id }) => once(id, () => Promise.reject(new Error('once')))),
  taskOf('early', ({ id }) => once(id, () => Promise.reject(new RetryLater(300)))),
  taskOf('bad', () => Promise.reject(new PermanentError('no'))),
];
const ends: Record<string, string> = { test: 'done', slow: 'done', unlucky: 'done', early: 'done', bad: 'dlq' };

/** Ticks until every job has ended, as a host does: a tick that fails is logged, and the next one comes. */
async function drain(faultOf: (call: number) => Fault, message: string, hosts = 1): Promise<number> {
  renew(settings);
  first.clear();
  const types = Object.keys(ends);
  await insert(system, ...[...types, ...types].map((task_type) => ({ task_type })));
  const envs = Array.from({ length: hosts }, () => system.newEnv(settings));
  const port = new FaultyPort(system.env.DB, faultOf, message);
  for (const env of envs) env.DB = port;
  const ended = system.db.prepare("SELECT count(*) FROM jobs WHERE status IN ('done', 'dlq')").pluck();
  for (let ticks = 0; ended.get() !== 10; ticks++) {
    if (ticks > 400) throw new Error(`Not drained: ${JSON.stringify(system.db.prepare('SELECT * FROM jobs').all())}`);
    const work = envs.flatMap((env) => [processBatch(system.ctx(env), tasks), coordinate(system.ctx(env))]);
    await during(system.clock, Promise.allSettled(work), 100);
    await system.clock.advance(200);
  }
  return port.calls;
}

/** Every job ended as it should, each with one outcome that nothing contradicts. */
function expectAllWell(): void {
  expect(system.breaches()).toEqual([]);
  for (let seq = 1; seq <= 10; seq++) {
    const job = stored(system, seq);
    expect([job?.task_type, job?.status]).toEqual([job?.task_type, ends[job?.task_type ?? '']]);
    expect(logsOf(system, seq, 'done')).toHaveLength(job?.status === 'done' ? 1 : 0);
    expect(logsOf(system, seq, 'buried')).toHaveLength(job?.status === 'dlq' ? 1 : 0);
    expect(job?.retries).toBe(job?.task_type === 'unlucky' || job?.task_type === 'bad' ? 1 : 0);
  }
}

describe('A drain whose database fails at any call', () => {
  const faults = (['before', 'after'] as const).flatMap((fault) =>
    [PASSING, LASTING].map((text) => [fault, text] as const),
  );
  const cases = faults.flatMap(([fault, text]) => [1, 2, 5].map((run) => [fault, text, run] as const));

  test.each(cases)(
    '%s it took effect, with "%s", %i times in a row, ends every job once and says nothing false',
    async (fault, message, run) => {
      const calls = await drain(() => undefined, message);
      expectAllWell();
      expect(calls).toBeGreaterThan(20);
      for (let n = 0; n < calls; n++) {
        await drain((call) => (call >= n && call < n + run ? fault : undefined), message);
        expectAllWell();
        // A fault that passes is mended on the spot, not by a lease that runs out.
        if (message === PASSING && run < 3)
          expect(system.db.prepare('SELECT sum(interruptions) FROM jobs').pluck().get()).toBe(0);
        // One worker, which never lost a lease: whoever calls it stale is wrong.
        expect(system.db.prepare("SELECT count(*) FROM logs WHERE event = 'stale'").pluck().get()).toBe(0);
      }
    },
  );
});

describe('A drain by three hosts whose database fails again and again', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('ends every job once when the faults stop (seed %i)', async (seed) => {
    const { random } = new TestClock(0, seed);
    const faultOf = (call: number): Fault => {
      if (call > 400) return undefined;
      const chance = random();
      return chance < 0.15 ? 'before' : chance < 0.3 ? 'after' : undefined;
    };
    await drain(faultOf, seed % 2 ? PASSING : LASTING, 3);
    expect(system.breaches()).toEqual([]);
    for (let seq = 1; seq <= 10; seq++) expect(logsOf(system, seq, 'done').length).toBeLessThanOrEqual(1);
  });
});

describe('Scheduling on a database that loses an answer', () => {
  const request = { task_type: 'sleep', payload: { ms: 0 } };
  const set = { jobs: [{ ...request, idempotency_key: 'a' }, request, { ...request, idempotency_key: 'a' }] };
  test.each([
    ['one job', '/v1/jobs', request, 1],
    ['one job with a key', '/v1/jobs', { ...request, idempotency_key: 'k' }, 1],
    ['a set', '/v1/jobs/batch', set, 2],
  ] as const)('makes %s once, and answers as if nothing had happened', async (_, path, body, expected) => {
    for (const fault of ['before', 'after'] as const) {
      for (let n = 0; n < 4; n++) {
        renew();
        const real = system.env.DB;
        // The calls of admission are not repeated: the caller is told, and nothing was scheduled.
        system.env.DB = new FaultyPort(real, (call) => (call === n ? fault : undefined));
        const answer = await during(system.clock, system.call('POST', path, body));
        system.env.DB = real;
        const ids = system.db.prepare('SELECT id FROM jobs ORDER BY seq').pluck().all();
        if (answer.status === 503) expect([n, ids]).toEqual([0, []]);
        else {
          expect(answer.status).toBe(201);
          expect(ids).toHaveLength(expected);
          for (const job of answer.json.items ?? [answer.json]) expect(await system.job(job.id)).toEqual(job);
        }
        expect(system.breaches()).toEqual([]);
      }
    }
  });
});
