import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { statuses } from '../../core/lifecycle/states.ts';
import { fold } from '../../core/views/fold.ts';
import processBatch from '../../functions/process-batch.ts';
import { insert, take } from '../support/drive.ts';
import { counted, shown } from '../support/report.ts';
import { ADMIN, System } from '../support/system.ts';

describe('The report', () => {
  let system: System;
  beforeEach(() => {
    system = new System();
  });
  afterEach(() => {
    expect(system.breaches()).toEqual([]);
    system.close();
  });

  test('of an empty system names every status', async () => {
    const { json } = await system.call('GET', '/v1/jobs/report');
    const none = Object.fromEntries(statuses.map((status) => [status, {}]));
    const zero = Object.fromEntries(statuses.map((status) => [status, 0]));
    expect(json).toEqual({ counts: none, totals: zero, dlqItems: [] });
  });

  test('counts only the own jobs of a user', async () => {
    const [ada, bob] = [await system.user(), await system.user('user', 'bob')];
    await insert(system, { owner: ada.id }, { owner: ada.id }, { owner: bob.id }, {});
    expect((await shown(system, ada.token)).totals.pending).toBe(2);
    expect((await shown(system, bob.token)).totals.pending).toBe(1);
    expect((await shown(system, ADMIN)).totals.pending).toBe(4);
  });

  test('is the same before and after its counts are folded, in steps of any size', async () => {
    await insert(system, {}, {}, { task_type: 'other' });
    await take(system, 'w1', 2);
    const before = await shown(system, ADMIN);
    for (let more = true; more; ) {
      more = await fold(system.ctx(), 1);
      expect(await shown(system, ADMIN)).toEqual(before);
    }
    expect(before).toEqual(counted(system, null));
  });

  test('shows the newest 100 jobs of the dead-letter queue', async () => {
    await insert(system, ...Array.from({ length: 103 }, () => ({ task_type: 'unknown', max_retries: 0 })));
    await processBatch.scheduled({}, system.env);
    await coordinate(system.ctx());
    const { totals, buried } = await shown(system, ADMIN);
    expect([totals.dlq, buried.length]).toEqual([103, 100]);
    expect(buried).toEqual(counted(system, null).buried.slice(0, 100));
  });
});
