import { afterEach, expect, test } from 'vitest';
import processBatch from '../functions/process-batch.ts';
import { System } from './support/system.ts';

const system = new System();
afterEach(() => system.close());

test('a scheduled job is claimed, run and settled, and its log says so', async () => {
  const { id } = await system.schedule('transform', { input: { a: 1 }, expression: 'a' });
  const counts = await processBatch.scheduled({}, system.env);
  expect(counts).toMatchObject({ claimed: 1, done: 1, failed: 0 });
  expect(await system.job(id)).toMatchObject({ status: 'done', result: 1, lease_epoch: 1 });
  expect(system.events(id)).toEqual(['scheduled', 'claimed', 'done']);
  expect(system.breaches()).toEqual([]);
});
