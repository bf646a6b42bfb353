import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { bury } from '../../core/lifecycle/bury.ts';
import type { Claimed } from '../../core/lifecycle/claim.ts';
import { heartbeat } from '../../core/lifecycle/heartbeat.ts';
import { prune } from '../../core/lifecycle/prune.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { retry } from '../../core/lifecycle/retry.ts';
import { type Outcome, settle } from '../../core/lifecycle/settle.ts';
import { transitions } from '../../core/lifecycle/states.ts';
import { fold } from '../../core/views/fold.ts';
import processBatch from '../../functions/process-batch.ts';
import { take } from '../support/drive.ts';
import { counted, shown } from '../support/report.ts';
import { ADMIN, System } from '../support/system.ts';

const DAY = 86_400_000;
const settings = {
  LEASE_MS: '1000',
  RETENTION_DAYS: '1',
  MAX_INTERRUPTIONS: '1',
  DLQ_REDRIVE_AFTER_MS: '1000',
  BACKOFF_BASE_MS: '200',
};

interface World {
  system: System;
  tokens: string[];
  /** Every lease there ever was: most are stale. */
  leases: Claimed[];
}

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
const outcomes: Outcome[] = [
  { kind: 'done', result: '1' },
  { kind: 'failed', error: 'no' },
  { kind: 'failed', error: 'never', permanent: true },
  { kind: 'released', reason: 'later' },
  { kind: 'cancelled' },
];

function anyJob({ system }: World, n: number): string {
  const ids = system.db.prepare('SELECT id FROM jobs').pluck().all() as string[];
  return ids.length > 0 ? pick(ids, n) : 'none';
}

const act: Record<string, (world: World, n: number) => unknown> = {
  schedule: ({ system, tokens }, n) => {
    const more = { max_retries: n % 3, delay_ms: (n % 4) * 300, ...(n % 5 === 0 && { idempotency_key: `k${n % 20}` }) };
    const body =
      n % 2
        ? { task_type: 'sleep', payload: { ms: 0 } }
        : { task_type: 'transform', payload: { input: n % 3, expression: '@' } };
    return system.call('POST', '/v1/jobs', { ...body, ...more }, { token: pick(tokens, n) });
  },
  claim: async ({ system, leases }, n) => {
    const claimed = await take(system, `w${n % 3}`, 1 + (n % 3));
    for (const { run_at } of claimed) expect(run_at).toBeLessThanOrEqual(system.clock.now());
    leases.push(...claimed);
  },
  settle: ({ system, leases }, n) => {
    const recent = [
      ...new Map(leases.slice(-6).map((job) => [`${job.seq} ${n % 2 ? job.lease_epoch : ''}`, job])).values(),
    ];
    const set = [...new Map(recent.slice(n % 3).map((job) => [job.seq, job])).values()];
    return settle(
      system.ctx(),
      `w${n % 3}`,
      set.map((job, i) => ({ job, outcome: pick(outcomes, n + i) })),
    );
  },
  heartbeat: ({ system, leases }) => heartbeat(system.ctx(), leases.slice(-4)),
  cancel: (world, n) => world.system.call('POST', `/v1/jobs/${anyJob(world, n)}/cancel`),
  redrive: (world, n) => world.system.call('POST', `/v1/jobs/${anyJob(world, n)}/redrive`, { reason: 'a test' }),
  'redrive in bulk': ({ system }, n) =>
    system.call('POST', '/v1/dlq/redrive', { reason: 'a test', limit: 1 + (n % 2) }),
  coordinate: ({ system }) => coordinate(system.ctx()),
  'process-batch': ({ system }) => processBatch.scheduled({}, system.env),
  reclaim: ({ system }, n) => reclaim(system.ctx(), 1 + (n % 3)),
  retry: ({ system }, n) => retry(system.ctx(), 1 + (n % 3)),
  bury: ({ system }, n) => bury(system.ctx(), 1 + (n % 3)),
  fold: ({ system }, n) => fold(system.ctx(), 1 + (n % 7)),
  prune: ({ system }, n) => prune(system.ctx(), 1 + (n % 3)),
  wait: ({ system }, n) => system.clock.advance(n % 1200),
  'wait for days': ({ system }, n) => n % 5 === 0 && system.clock.advance(2 * DAY),
};

describe('After any sequence of operations', () => {
  const often = ['schedule', 'schedule', 'claim', 'claim', 'settle', 'settle', 'settle', 'wait', 'coordinate'];
  const step = fc.record({ name: fc.constantFrom(...Object.keys(act), ...often), n: fc.nat({ max: 10_000 }) });

  const seen = new Set<unknown>();

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'no invariant is broken at any step, and every report is a fresh count (seed %i)',
    async (seed) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 250, maxLength: 350, size: 'max' }), async (steps) => {
          const system = new System(settings);
          try {
            const [ada, bob] = [await system.user(), await system.user('user', 'bob')];
            const world: World = { system, tokens: [ADMIN, ada.token, bob.token], leases: [] };
            for (const { name, n } of steps) {
              await act[name]?.(world, n);
              expect(system.breaches()).toEqual([]);
              expect(await shown(system, ADMIN)).toEqual(counted(system, null));
              expect(await shown(system, ada.token)).toEqual(counted(system, ada.id));
              for (const event of system.db.prepare('SELECT DISTINCT event FROM logs').pluck().all()) seen.add(event);
            }
          } finally {
            system.close();
          }
        }),
        { seed, numRuns: 1, endOnFailure: true },
      );
    },
  );

  test('every event of the table was met on the way', () => {
    const events = [...new Set(transitions.map(({ event }) => event)), 'stale', 'cancel_requested'];
    expect(events.filter((event) => !seen.has(event))).toEqual([]);
  });
});
