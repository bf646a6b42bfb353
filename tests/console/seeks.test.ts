import { afterAll, beforeAll, expect, test } from 'vitest';
import { contextOf } from '../../core/context.ts';
import type { Database } from '../../core/database.ts';
import { statuses } from '../../core/lifecycle/states.ts';
import { agenda } from '../../core/views/agenda.ts';
import coordinate from '../../functions/coordinate.ts';
import { ADMIN, System } from '../support/system.ts';

// What the page asks must cost the same in a table of a million jobs: no statement may walk one of the large tables.

let system: System;
let asked: Set<string>;
let token: string;
beforeAll(async () => {
  system = new System();
  ({ token } = await system.user());
  const port = system.env.DB;
  const recording: Database = {
    prepare(sql) {
      asked.add(sql);
      return port.prepare(sql);
    },
    batch: (statements) => port.batch(statements),
  };
  system.env.DB = recording;
});
afterAll(() => system.close());

/** The steps of the plans of all that `work` asked which read a whole table, or a whole index of it. */
async function walksOf(work: () => Promise<unknown>): Promise<string[]> {
  asked = new Set();
  await work();
  expect(asked.size).toBeGreaterThan(0);
  const plans = [...asked].map((sql) => {
    const names = [...sql.matchAll(/\?(\d+)/g)].map(([, name]) => [name, null]);
    const explain = system.db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    return names.length > 0 ? explain.all(Object.fromEntries(names)) : explain.all();
  });
  return plans.flatMap((plan) => {
    const steps = (plan as { detail: string }[]).map(({ detail }) => detail);
    // A page is a filter over a bounded walk, which bears the table's name.
    const bounded = steps.filter((step) => step.startsWith('CO-ROUTINE ')).map((step) => step.split(' ')[1]);
    return steps.filter((step) => large.test(step) && !bounded.includes(step.split(' ')[1]));
  });
}

const large = /^SCAN (jobs|logs|old|buried|due|keyed)\b/;

test.each([
  '/v1/live',
  '/v1/dumps',
  '/v1/jobs?limit=25',
  ...statuses.map((status) => `/v1/jobs?status=${status}`),
  '/v1/jobs?task_type=sleep',
  '/v1/jobs?q=a-key',
  '/v1/jobs/report',
  '/v1/logs',
  '/v1/logs?level=error&event=buried',
])('GET %s walks no large table, for an admin or a user', async (path) => {
  expect(await walksOf(() => system.call('GET', path, undefined, { token: ADMIN }))).toEqual([]);
  expect(await walksOf(() => system.call('GET', path, undefined, { token }))).toEqual([]);
});

test('what is in the dead-letter queue is found by an index, in the list and in the report', async () => {
  const plansOf = (sql: string) =>
    system.db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(Object.fromEntries([1, 2, 3].map((n) => [n, null])));
  for (const path of ['/v1/jobs?status=dlq', '/v1/jobs?status=failed', '/v1/jobs/report'])
    for (const who of [ADMIN, token]) {
      await walksOf(() => system.call('GET', path, undefined, { token: who }));
      const parked = [...asked].filter((sql) => /FROM jobs WHERE/.test(sql) && sql.includes("status = '"));
      expect(parked.length).toBeGreaterThan(0);
      for (const sql of parked)
        expect(JSON.stringify(plansOf(sql))).toMatch(/SEARCH jobs USING (COVERING )?INDEX jobs_parked/);
    }
});

test('what failed is found by when it is due, however much waits for its retry', async () => {
  const job = await system.schedule('webhook', { url: 'http://127.0.0.1:1/' });
  system.db.prepare("UPDATE jobs SET status = 'failed', run_at = ? WHERE id = ?").run(system.clock.time, job.id);
  const work = async () => {
    await coordinate.scheduled({}, system.env);
    await agenda(contextOf(system.env), 10);
  };
  expect(await walksOf(work)).toEqual([]);
  const failed = [...asked].filter((sql) => /FROM jobs (INDEXED BY \w+\s+)?WHERE status = 'failed'/.test(sql));
  // The tick's agenda and its next event, the retry, the burial, and the emulator's agenda.
  expect(failed.length).toBeGreaterThanOrEqual(5);
  for (const sql of failed) {
    const names = [...sql.matchAll(/\?(\d+)/g)].map(([, name]) => [name, null]);
    const steps = JSON.stringify(system.db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(Object.fromEntries(names)));
    expect(steps).toMatch(/INDEX jobs_failed/);
    expect(steps).not.toContain('jobs_parked (status=?)');
  }
});

test('a snapshot walks no large table', async () => {
  await coordinate.scheduled({}, system.env);
  await system.schedule('sleep', { ms: 0 });
  system.clock.time += 60_000;
  expect(await walksOf(() => coordinate.scheduled({}, system.env))).toEqual([]);
});
