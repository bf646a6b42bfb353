import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { insert, stored } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System();
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const postBatch = (jobs: object[]) => system.call('POST', '/v1/jobs/batch', { jobs });

describe('A scheduled job', () => {
  test('is pending from its first moment, with nothing charged, and its log says so', async () => {
    const answer = await system.call('POST', '/v1/jobs', {
      ...{ task_type: 'sleep', payload: { ms: 5 }, max_retries: 7, priority: -3, delay_ms: 90, timeout_ms: 8 },
    });
    expect(answer.status).toBe(201);
    const at = new Date(system.clock.now()).toISOString();
    expect(answer.json).toEqual({
      ...{ id: answer.json.id, owner_id: 'bootstrap', task_type: 'sleep', payload: { ms: 5 }, status: 'pending' },
      ...{ priority: -3, retries: 0, max_retries: 7, interruptions: 0, dlq_redrives: 0, timeout_ms: 8 },
      ...{ lease_epoch: 0, lease_worker: null, lease_until: null, cancel_requested_at: null, idempotency_key: null },
      ...{ result: null, error: null, created_at: at, started_at: null, finished_at: null },
      run_at: new Date(system.clock.now() + 90).toISOString(),
    });
    expect(await system.job(answer.json.id)).toEqual(answer.json);
    expect(system.events(answer.json.id)).toEqual(['scheduled']);
  });

  test('keeps its payload as it came, whatever JSON holds', async () => {
    const payload = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { minLength: 1, maxLength: 5 }), async (payloads) => {
        const rows = await insert(system, ...payloads.map((one) => ({ payload: JSON.stringify(one) })));
        for (const [i, { seq }] of rows.entries())
          expect(stored(system, seq)?.payload).toBe(JSON.stringify(payloads[i]));
      }),
      { numRuns: 200 },
    );
  });
});

describe('A batch', () => {
  test('is stored in the order it was sent', async () => {
    const { json } = await postBatch(
      Array.from({ length: 1000 }, (_, ms) => ({ task_type: 'sleep', payload: { ms } })),
    );
    const stored = system.db.prepare("SELECT id, payload ->> 'ms' AS ms FROM jobs ORDER BY seq").all();
    expect(stored).toEqual(json.items.map(({ id }: { id: string }, ms: number) => ({ id, ms })));
  });

  test.each(['"', '\\', '\n', '\u0001', 'é', '\u{1f600}', 'x'])(
    'as large as a body may be, full of %j, is accepted',
    async (character) => {
      const bytes = Buffer.byteLength(JSON.stringify(character)) - 2;
      const input = character.repeat(Math.floor(209_000 / bytes));
      const { status, json } = await postBatch(
        Array(5).fill({ task_type: 'transform', payload: { input, expression: '@' } }),
      );
      expect([status, json.items?.length]).toEqual([201, 5]);
      for (const { id } of json.items) expect((await system.job(id)).payload).toEqual({ input, expression: '@' });
    },
  );
});
