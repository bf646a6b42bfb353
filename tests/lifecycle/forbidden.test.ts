import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { bury } from '../../core/lifecycle/bury.ts';
import { claim } from '../../core/lifecycle/claim.ts';
import { heartbeat } from '../../core/lifecycle/heartbeat.ts';
import { prune } from '../../core/lifecycle/prune.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { redriveDue } from '../../core/lifecycle/redrive.ts';
import { retry } from '../../core/lifecycle/retry.ts';
import { type Outcome, settle } from '../../core/lifecycle/settle.ts';
import { isAllowed, type Status, transitions } from '../../core/lifecycle/states.ts';
import { fold } from '../../core/views/fold.ts';
import processBatch from '../../functions/process-batch.ts';
import { claimOne, only, stored } from '../support/drive.ts';
import { System } from '../support/system.ts';

// Every status, reached through the real operations, meets every operation: at once, and when all that waits for
// time is due. What comes out must be what is written here.

interface Subject {
  seq: number;
  id: string;
  lease_epoch: number;
  retries: number;
  max_retries: number;
}

let system: System;
const ctx = () => system.ctx();
const settled = (job: Subject, outcome: Outcome, epoch = job.lease_epoch) =>
  settle(ctx(), 'w1', [{ job: { ...job, lease_epoch: epoch }, outcome }]);
const api = (path: string, body?: object) => system.call('POST', path, body);

const done: Outcome = { kind: 'done', result: '1' };
const failed: Outcome = { kind: 'failed', error: 'no', after: 5000 };
const permanent: Outcome = { kind: 'failed', error: 'never', permanent: true };
const released: Outcome = { kind: 'released', reason: 'later', after: 5000 };
const cancelled: Outcome = { kind: 'cancelled' };

async function schedule(): Promise<Subject> {
  const { id } = await system.schedule('sleep', { ms: 0 }, { delay_ms: 5000, max_retries: 1 });
  return system.db.prepare('SELECT * FROM jobs WHERE id = ?').get(id) as Subject;
}

async function running(): Promise<Subject> {
  await schedule();
  await system.clock.advance(5000);
  return claimOne(system);
}

async function ended(outcome: Outcome): Promise<Subject> {
  const job = await running();
  await settled(job, outcome);
  return job;
}

async function after(job: Subject, act: (job: Subject) => unknown): Promise<Subject> {
  await act(job);
  return job;
}

/** How each subject comes to be, and its status then. */
const subjects: Record<string, [Status, () => Promise<Subject>]> = {
  pending: ['pending', schedule],
  running: ['running', running],
  'running for the last time': [
    'running',
    async () => {
      await running();
      for (let i = 0; i < 3; i++) {
        await system.clock.advance(30_000);
        await reclaim(ctx(), 10);
        if (i < 2) await claimOne(system);
      }
      return claimOne(system);
    },
  ],
  'running and to be cancelled': [
    'running',
    async () => after(await running(), ({ id }) => api(`/v1/jobs/${id}/cancel`)),
  ],
  failed: ['failed', () => ended(failed)],
  'failed for good': ['failed', () => ended(permanent)],
  dlq: ['dlq', async () => after(await ended(permanent), () => bury(ctx(), 10))],
  done: ['done', () => ended(done)],
  cancelled: ['cancelled', async () => after(await schedule(), ({ id }) => api(`/v1/jobs/${id}/cancel`))],
};

type End = Status | 'gone';
type Ends = Record<string, End | [now: End, later: End]>;
const whateverItSettles: Ends = { 'running and to be cancelled': 'cancelled' };
const dug: Ends = { dlq: 'pending' };

/** Each operation, and what it makes of a subject: one status, or one at once and one later. What is not named stays. */
const operations: Record<string, [(job: Subject) => unknown, Ends]> = {
  'settle as done': [
    (job) => settled(job, done),
    { running: 'done', 'running for the last time': 'done', ...whateverItSettles },
  ],
  'settle as failed': [
    (job) => settled(job, failed),
    { running: 'failed', 'running for the last time': 'failed', ...whateverItSettles },
  ],
  'settle as failed for good': [
    (job) => settled(job, permanent),
    { running: 'failed', 'running for the last time': 'failed', ...whateverItSettles },
  ],
  release: [
    (job) => settled(job, released),
    { running: 'pending', 'running for the last time': 'pending', ...whateverItSettles },
  ],
  'settle as cancelled': [(job) => settled(job, cancelled), whateverItSettles],
  'settle under an older epoch': [(job) => settled(job, done, job.lease_epoch - 1), {}],
  'settle under a later epoch': [(job) => settled(job, done, job.lease_epoch + 1), {}],
  'release under an older epoch': [(job) => settled(job, released, job.lease_epoch - 1), {}],
  heartbeat: [(job) => heartbeat(ctx(), [job]), {}],
  reclaim: [
    () => reclaim(ctx(), 10),
    {
      running: ['running', 'pending'],
      'running for the last time': ['running', 'dlq'],
      'running and to be cancelled': ['running', 'cancelled'],
    },
  ],
  retry: [() => retry(ctx(), 10), { failed: ['failed', 'pending'] }],
  bury: [() => bury(ctx(), 10), { 'failed for good': 'dlq' }],
  'redrive by the coordinator': [() => redriveDue(ctx(), 10), { dlq: ['dlq', 'pending'] }],
  'redrive through the API': [({ id }) => api(`/v1/jobs/${id}/redrive`, { reason: 'mended' }), dug],
  'redrive in bulk': [() => api('/v1/dlq/redrive', { reason: 'mended' }), dug],
  'redrive in bulk, dry': [() => api('/v1/dlq/redrive', { reason: 'mended', dry_run: true }), {}],
  cancel: [
    ({ id }) => api(`/v1/jobs/${id}/cancel`),
    { pending: 'cancelled', failed: 'cancelled', 'failed for good': 'cancelled', dlq: 'cancelled' },
  ],
  claim: [() => claim(ctx(), 'w2', 10, []), { pending: ['pending', 'running'] }],
  prune: [() => prune(ctx(), 10), { done: ['done', 'gone'], cancelled: ['cancelled', 'gone'] }],
  coordinate: [
    () => coordinate(ctx()),
    {
      running: ['running', 'pending'],
      'running for the last time': ['running', 'dlq'],
      'running and to be cancelled': ['running', 'cancelled'],
      failed: ['failed', 'pending'],
      'failed for good': 'dlq',
      dlq: ['dlq', 'pending'],
      done: ['done', 'gone'],
      cancelled: ['cancelled', 'gone'],
    },
  ],
  'process-batch': [() => processBatch.scheduled({}, system.env), { pending: ['pending', 'done'] }],
};

const seen = new Set<string>();

describe.each(Object.entries(subjects))('A job that is %s', (subject, [from, reach]) => {
  beforeEach(() => {
    system = new System({ RETENTION_DAYS: '1' });
  });
  afterEach(() => system.close());

  describe.each([
    ['at once', 0],
    ['two days later', 1],
  ] as const)('%s', (_, later) => {
    test.each(Object.entries(operations))('comes out of "%s" as the table says', async (_, [operate, ends]) => {
      const job = await reach();
      expect(stored(system, job.seq)?.status).toBe(from);
      await fold(ctx(), 10_000);
      if (later) await system.clock.advance(2 * 86_400_000);
      const logged = system.db.prepare('SELECT max(seq) FROM logs').pluck().get();
      await operate(job);

      const end = [ends[subject] ?? from].flat();
      expect(stored(system, job.seq)?.status ?? 'gone').toBe(end[later] ?? only(end));
      expect(system.breaches()).toEqual([]);
      const made = system.db
        .prepare(
          'SELECT from_status, to_status, event FROM logs WHERE seq > ? AND (from_status IS NOT NULL OR to_status IS NOT NULL)',
        )
        .raw()
        .all(logged) as [Status, Status | null, string][];
      for (const [a, b, event] of made) {
        expect(isAllowed(a, b, event)).toBe(true);
        seen.add(`${a} ${b} ${event}`);
      }
    });
  });
});

describe('All operations together', () => {
  afterAll(() => seen.clear());

  test('made every transition of the table but scheduling', () => {
    const table = transitions.filter(({ from }) => from).map(({ from, to, event }) => `${from} ${to} ${event}`);
    expect([...seen].sort()).toEqual(table.sort());
  });
});
