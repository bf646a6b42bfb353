import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Job } from '../../core/lifecycle/job.ts';
import processBatch from '../../functions/process-batch.ts';
import { System } from '../support/system.ts';
import { audit } from './checks/audit.ts';
import { Ledger, type Order } from './people/ledger.ts';

// The audit is held to what it is for: each lie that a database could tell is found.

let system: System;
let ledger: Ledger;
let order: Order;
let job: Job;

const found = (): string[] => audit(join(system.folder, 'jobs.db'), ledger, 400).problems;
/** Schedules as a client of the torture would, and writes down the answer. */
async function scheduled(payload: object): Promise<[Order, Job]> {
  const asked = ledger.add('bootstrap', { task_type: 'transform', payload }, 'done');
  const { json } = await system.call('POST', '/v1/jobs', asked.body);
  ledger.accept(asked, json, false);
  return [asked, json];
}

beforeEach(async () => {
  system = new System({ BACKOFF_MAX_MS: '400' });
  ledger = new Ledger();
  [order, job] = await scheduled({ input: { number: 5 }, expression: 'number' });
  await processBatch.scheduled({}, system.env);
  expect(found()).toEqual([]);
});
afterEach(() => system.close());

test('the audit finds a job that was acknowledged and is gone', () => {
  system.db.exec('DELETE FROM jobs; DELETE FROM logs');
  expect(found()).toContain(`job ${job.id} was acknowledged, and is not there`);
  expect(audit(join(system.folder, 'jobs.db'), ledger, 400).lost).toBe(1);
});

test('the audit finds a second outcome of one claim', () => {
  system.db.exec(`INSERT INTO logs (at, level, event, job_seq, epoch, worker, from_status, to_status)
    SELECT at, level, event, job_seq, epoch, worker, from_status, to_status FROM logs WHERE event = 'done'`);
  expect(found()).toContain('1 outcomes are doubled');
  expect(audit(join(system.folder, 'jobs.db'), ledger, 400).doubled).toBe(1);
});

test('the audit finds a job that is not settled, one with another result, and one that nobody asked for', async () => {
  const [, open] = await scheduled({ input: { number: 6 }, expression: 'number' });
  system.db.prepare("UPDATE jobs SET result = '7' WHERE id = ?").run(job.id);
  const stranger = await system.schedule('transform', { input: 1, expression: '@' });
  expect(found().join('\n')).toContain(`job ${open.id} (pending) had to end as done`);
  expect(found()).toContain(`job ${job.id} (done) has the result 7`);
  expect(found()).toContain(`job ${stranger.id} was never asked for`);
});

test('the audit finds a cancel that was accepted and did not hold', () => {
  order.cancel = 'accepted';
  expect(found()).toContain(`job ${job.id} (done) was cancelled before everybody’s eyes`);
});

test('the audit finds half a batch and an order that became two jobs', async () => {
  const missing = ledger.add('bootstrap', { task_type: 'sleep', payload: { ms: 1 } }, 'done');
  order.together = [order, missing];
  const { json: twin } = await system.call('POST', '/v1/jobs', order.body);
  expect(found()).toContain(`order ${order.marker} is there, and others of its batch are not`);
  expect(found()).toContain(`job ${twin.id} is a second one of order ${order.marker}`);
});

test('the audit finds a claim before its time', () => {
  system.db.prepare('UPDATE jobs SET run_at = run_at + 60000 WHERE id = ?').run(job.id);
  expect(found().join('\n')).toMatch(/was done before it was due/);
});

test('the audit finds an outcome by another worker, and retries that the log does not add up to', () => {
  system.db.exec("UPDATE logs SET worker = 'w-somebody' WHERE event = 'done'");
  system.db.exec('UPDATE jobs SET retries = 1');
  expect(found().join('\n')).toMatch(/done by w-somebody, who did not claim it[\s\S]*1 retries after 0 failures/);
});

test('the ledger finds a repeat that is answered with another job, and a final status that changed', () => {
  ledger.accept(order, { ...job, id: 'another' }, true);
  ledger.see({ ...job, status: 'done' });
  ledger.see({ ...job, status: 'pending' });
  expect(ledger.problems).toEqual([
    expect.stringMatching(/was answered with .* and with another/),
    expect.stringMatching(/was done, and later pending/),
  ]);
});
