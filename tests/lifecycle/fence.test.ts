import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Claimed } from '../../core/lifecycle/claim.ts';
import { heartbeat } from '../../core/lifecycle/heartbeat.ts';
import { reclaim } from '../../core/lifecycle/reclaim.ts';
import { persistLog } from '../../core/lifecycle/remark.ts';
import { type Outcome, settle } from '../../core/lifecycle/settle.ts';
import { claimOne, insertOne, logsOf, stored } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const write = (worker: string, job: Claimed, outcome: Outcome) => settle(system.ctx(), worker, [{ job, outcome }]);
const done: Outcome = { kind: 'done', result: '"new"' };

/** A lease that ran out and was taken back. */
async function lapsed(): Promise<Claimed> {
  await insertOne(system);
  const job = await claimOne(system, 'w1');
  await system.clock.advance(30_000);
  expect(await reclaim(system.ctx(), 10)).toBe(1);
  return job;
}

/** What happened to the job since the stale worker held it. */
const since: [string, (job: Claimed) => Promise<unknown>][] = [
  ['nobody has claimed it again', async () => {}],
  ['another worker runs it', () => claimOne(system, 'w2')],
  ['a worker of the same name runs it', () => claimOne(system, 'w1')],
  ['another worker has finished it', async () => write('w2', await claimOne(system, 'w2'), done)],
  ['a worker of the same name has finished it', async () => write('w1', await claimOne(system, 'w1'), done)],
  [
    'another worker has failed it',
    async () => write('w2', await claimOne(system, 'w2'), { kind: 'failed', error: 'no', after: 5000 }),
  ],
  [
    'it was cancelled in between',
    async ({ id }) => expect((await system.call('POST', `/v1/jobs/${id}/cancel`)).status).toBe(200),
  ],
];

const outcomes: [string, Outcome][] = [
  ['done', { kind: 'done', result: '"stale"' }],
  ['failed', { kind: 'failed', error: 'stale' }],
  ['failed for good', { kind: 'failed', error: 'stale', permanent: true }],
  ['released', { kind: 'released', reason: 'stale' }],
  ['cancelled', { kind: 'cancelled' }],
];

describe.each(since)("A stale worker's write, while %s,", (_, happen) => {
  test.each(outcomes)('as %s, changes nothing and leaves a log row that says so', async (kind, outcome) => {
    const stale = await lapsed();
    await happen(stale);
    const before = stored(system, stale.seq);
    const rows = logsOf(system, stale.seq).length;

    expect(await write('w1', stale, outcome)).toEqual({ done: 0, failed: 0, released: 0, cancelled: 0, stale: 1 });

    expect(stored(system, stale.seq)).toEqual(before);
    const said = logsOf(system, stale.seq).slice(rows);
    expect(said).toMatchObject([
      { event: 'stale', level: 'warn', epoch: 1, worker: 'w1', from_status: null, to_status: null },
    ]);
    expect(said[0]?.message).toContain(`The outcome ${kind.split(' ')[0]} came after the lease was lost`);
  });

  test('as a heartbeat or a log row of its handler, changes nothing', async () => {
    const stale = await lapsed();
    await happen(stale);
    const before = stored(system, stale.seq);
    const rows = logsOf(system, stale.seq).length;
    await system.clock.advance(1000);

    expect(await heartbeat(system.ctx(), [stale])).toEqual(new Set());
    await persistLog(system.ctx(), stale, 'info', 'I am still here');

    expect(stored(system, stale.seq)).toEqual(before);
    expect(logsOf(system, stale.seq)).toHaveLength(rows);
  });
});

describe('The owner of a lease', () => {
  test('settles as if the stale worker had never written', async () => {
    const stale = await lapsed();
    const fresh = await claimOne(system, 'w2');
    await write('w1', stale, { kind: 'done', result: '"stale"' });
    expect(await write('w2', fresh, done)).toMatchObject({ done: 1, stale: 0 });
    expect(stored(system, fresh.seq)).toMatchObject({ status: 'done', result: '"new"', lease_epoch: 2 });
    expect(logsOf(system, fresh.seq).map(({ event, epoch }) => [event, epoch])).toEqual([
      ['scheduled', null],
      ['claimed', 1],
      ['reclaimed', 1],
      ['claimed', 2],
      ['stale', 1],
      ['done', 2],
    ]);
  });

  test('still settles after its lease ran out, as long as nobody took it back', async () => {
    await insertOne(system);
    const job = await claimOne(system);
    await system.clock.advance(3_600_000);
    expect(await heartbeat(system.ctx(), [job])).toEqual(new Set([job.seq]));
    expect(stored(system, job.seq)?.lease_until).toBe(system.clock.now() + 30_000);
    expect(await write('w1', job, done)).toMatchObject({ done: 1, stale: 0 });
  });

  test('writes log rows in the name of the job while it runs', async () => {
    await insertOne(system);
    const job = await claimOne(system);
    await persistLog(system.ctx(), job, 'warn', 'half way', { percent: 50 });
    expect(logsOf(system, job.seq, 'message')).toMatchObject([
      { level: 'warn', epoch: 1, worker: 'w1', message: 'half way', data: '{"percent":50}' },
    ]);
  });
});
