import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PermanentError, RetryAfter, RetryLater, type TaskContext } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { during, insert, insertOne, logsOf, stored, taskOf } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System({ BACKOFF_BASE_MS: '0' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const run = (handler: (ctx: TaskContext) => unknown) =>
  processBatch(system.ctx(), [taskOf('test', (_, ctx) => handler(ctx))]);

/** Runs one job; its row. */
async function outcomeOf(handler: (ctx: TaskContext) => unknown) {
  const { seq } = await insertOne(system);
  await run(handler);
  return stored(system, seq);
}

const rejects = (error: unknown) => () => Promise.reject(error);
const throws = (error: unknown) => () => {
  throw error;
};
const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;

describe('A handler that returns', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'null'],
    ['null', null, 'null'],
    ['false', false, 'false'],
    ['a text with every kind of character', 'a"\\\n\u0000\ud800é\u{1f600}', '"a\\"\\\\\\n\\u0000\\ud800é\u{1f600}"'],
    ['a number JSON does not know', Number.NaN, 'null'],
    ['an object with a toJSON of its own', { toJSON: () => ({ a: 1 }) }, '{"a":1}'],
    ['as much as is allowed', 'x'.repeat(262_142), `"${'x'.repeat(262_142)}"`],
  ])('%s is done, and the result is stored as JSON', async (_, value, result) => {
    expect(await outcomeOf(() => value)).toMatchObject({ status: 'done', result, error: null });
  });

  test.each<[string, unknown, string]>([
    ['a BigInt', 10n, 'The result cannot be stored as JSON: Do not know how to serialize a BigInt'],
    ['a cycle', cyclic, 'The result cannot be stored as JSON: Converting circular structure to JSON'],
    ['a function', () => 1, 'The result cannot be stored as JSON: it is a function.'],
    ['a symbol', Symbol('s'), 'The result cannot be stored as JSON: it is a symbol.'],
    ['more than is allowed', 'x'.repeat(262_143), 'The result is 262145 characters of JSON; 262144 are allowed.'],
    ['what throws null when it is read', { toJSON: throws(null) }, 'The result cannot be stored as JSON: '],
  ])('%s fails for good and says why', async (_, value, error) => {
    const row = await outcomeOf(() => value);
    expect(row).toMatchObject({ status: 'failed', permanent: 1, result: null });
    expect(row?.error?.startsWith(error)).toBe(true);
  });
});

describe('A handler that throws', () => {
  test.each<[string, unknown, string]>([
    ['an Error', new Error('no route'), 'no route'],
    ['an Error without a message', new TypeError(), 'TypeError'],
    ['a text', 'no', 'The handler threw no'],
    ['nothing', undefined, 'The handler threw undefined'],
    ['null', null, 'The handler threw null'],
    ['a symbol', Symbol('s'), 'The handler threw Symbol(s)'],
    ['a BigInt', 10n, 'The handler threw 10'],
    ['what has no text', Object.create(null), 'The handler threw something that has no text.'],
    ['an Error whose message is a number', Object.assign(new Error(), { message: 42 }), '42'],
    [
      'an Error whose message throws',
      Object.defineProperty(new Error(), 'message', { get: throws(new Error('nested')) }),
      'The handler threw something that has no text.',
    ],
    ['NUL characters', new Error('a\u0000b'), 'ab'],
    ['an error that only looks permanent', Object.assign(new Error('no'), { name: 'PermanentError' }), 'no'],
  ])('%s fails and may be retried', async (_, thrown, error) => {
    const expected = { status: 'failed', permanent: 0, retries: 1, error };
    expect(await outcomeOf(throws(thrown))).toMatchObject(expected);
    expect(await outcomeOf(rejects(thrown))).toMatchObject(expected);
  });

  test('PermanentError fails for good', async () => {
    expect(await outcomeOf(throws(new PermanentError('no such address')))).toMatchObject({
      status: 'failed',
      permanent: 1,
      retries: 1,
      error: 'no such address',
    });
  });

  test('a subclass of PermanentError fails for good, too', async () => {
    class Gone extends PermanentError {}
    expect(await outcomeOf(throws(new Gone('gone')))).toMatchObject({ status: 'failed', permanent: 1 });
  });

  test('RetryAfter fails, is charged, and waits at least as long', async () => {
    expect(await outcomeOf(throws(new RetryAfter(1234.5, 'busy')))).toMatchObject({
      status: 'failed',
      retries: 1,
      error: 'busy',
      run_at: system.clock.now() + 1235,
    });
  });

  test.each([-1, Number.NaN, Number.NEGATIVE_INFINITY])('RetryAfter(%d) waits as if nothing was asked', async (ms) => {
    expect(await outcomeOf(throws(new RetryAfter(ms, 'busy')))).toMatchObject({
      status: 'failed',
      run_at: system.clock.now(),
    });
  });

  test('RetryAfter(Infinity) waits for the cap', async () => {
    expect(await outcomeOf(throws(new RetryAfter(Number.POSITIVE_INFINITY, 'busy')))).toMatchObject({
      run_at: system.clock.now() + 3_600_000,
    });
  });

  test('RetryLater is run again when it asked, and no retry is charged, however often', async () => {
    const { seq } = await insertOne(system, { max_retries: 0 });
    for (let i = 1; i <= 5; i++) {
      expect(await run(throws(new RetryLater(700)))).toMatchObject({ claimed: 1, released: 1, failed: 0 });
      expect(stored(system, seq)).toMatchObject({
        status: 'pending',
        retries: 0,
        interruptions: 0,
        lease_epoch: i,
        run_at: system.clock.now() + 700,
      });
      await system.clock.advance(699);
      expect(await run(() => 'too early')).toMatchObject({ claimed: 0 });
      await system.clock.advance(1);
    }
    expect(await run(() => 'ran')).toMatchObject({ done: 1 });
    expect(logsOf(system, seq, 'released')[0]?.message).toBe('The handler asked to be run again in 700 ms.');
  });

  test.each([
    ['an error', (text: string) => new Error(text)],
    ['a permanent error', (text: string) => new PermanentError(text)],
    ['a reason to wait', (text: string) => new RetryLater(10, text)],
  ])('%s of any length is cut at 2,000 characters', async (_, make) => {
    const { seq } = await insertOne(system);
    await run(throws(make(`x${'\u{1f600}'.repeat(3_000_000)}`)));
    const [row] = [...logsOf(system, seq, 'failed'), ...logsOf(system, seq, 'released')];
    // The pair that the limit would cut in two is left out.
    expect(row?.message).toBe(`x${'\u{1f600}'.repeat(999)}`);
  });
});

describe('A job that cannot be run', () => {
  test('because no worker here knows its type fails, and may be retried by one that does', async () => {
    const { seq } = await insertOne(system, { task_type: 'unknown' });
    await run(() => 1);
    expect(stored(system, seq)).toMatchObject({
      status: 'failed',
      permanent: 0,
      error: 'This worker does not know the task type unknown.',
    });
  });

  test('because its payload no longer fits the task fails for good, and its handler is not called', async () => {
    const { tasks } = await import('../../core/tasks/index.ts');
    const { seq } = await insertOne(system, { task_type: 'sleep', payload: '{"ms":"soon"}' });
    await processBatch(system.ctx(), tasks);
    expect(stored(system, seq)).toMatchObject({ status: 'failed', permanent: 1 });
    expect(stored(system, seq)?.error).toContain('The payload does not fit the task');
  });
});

describe('Outcomes that are large together', () => {
  test.each([
    ['results', () => `${'"'.repeat(130_000)}`, 'done'],
    ['errors', throws(new Error('\u0001'.repeat(2000))), 'failed'],
    ['reasons', throws(new RetryLater(1, '\u0001'.repeat(2000))), 'released'],
  ] as const)('as %s are all written, each once', async (_, handler, event) => {
    const n = event === 'done' ? 40 : 300;
    await insert(system, ...Array.from({ length: n }, () => ({})));
    const env = system.newEnv({ PROCESS_CONCURRENCY: '500', PROCESS_BATCH_SIZE: '500', BACKOFF_BASE_MS: '0' });
    const work = processBatch(system.ctx(env), [taskOf('test', handler)]);
    expect(await during(system.clock, work)).toMatchObject({ claimed: n, [event]: n, stale: 0 });
    for (let seq = 1; seq <= n; seq++) expect(logsOf(system, seq, event)).toHaveLength(1);
  });
});
