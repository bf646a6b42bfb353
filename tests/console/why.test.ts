import { expect, test } from 'vitest';
import { ago, ahead, duration } from '../../console/format.ts';
import type { Job } from '../../console/types.ts';
import { why } from '../../console/why.ts';
import { exampleJob } from '../../core/examples.ts';

const NOW = new Date(2026, 10, 24, 10, 0, 0).getTime();
const at = (ms: number): string => new Date(NOW + ms).toISOString();
const job = (parts: Partial<Job>): Job => ({ ...exampleJob, result: null, ...parts }) as Job;
const error = 'The receiver answered 500';

test.each<[string, Partial<Job>, string]>([
  ['pending, later', { status: 'pending', run_at: at(42_000) }, 'It is due in 42 s.'],
  ['pending, much later', { status: 'pending', run_at: at(2 * 3_600_000) }, 'It is due in 2 h.'],
  ['pending, just due', { status: 'pending', run_at: at(-20) }, 'It has been due; it waits for a free worker.'],
  [
    'pending, due for a while',
    { status: 'pending', run_at: at(-7_200) },
    'It has been due for 7 s; it waits for a free worker.',
  ],
  [
    'pending, as a retry',
    { status: 'pending', run_at: at(-1_000), retries: 2, max_retries: 3 },
    'Retry 2 of 3 has been due for 1 s; it waits for a free worker.',
  ],
  [
    'pending, after its worker was lost',
    { status: 'pending', run_at: at(5_000), interruptions: 2 },
    'It is due in 5 s. Its worker was lost 2 times.',
  ],
  [
    'running',
    { status: 'running', lease_worker: 'w-1', lease_until: at(28_000) },
    'It is running: leased by w-1 until 10:00:28, and renewed while it runs.',
  ],
  [
    'running, and cancelled',
    { status: 'running', lease_worker: 'w-1', lease_until: at(28_000), cancel_requested_at: at(-10) },
    'It is running: leased by w-1 until 10:00:28, and renewed while it runs. It was cancelled and stops at the next heartbeat.',
  ],
  [
    'running, its lease over',
    { status: 'running', lease_worker: 'w-1', lease_until: at(-5_000) },
    'The lease of w-1 ended 5 s ago; the coordinator is about to take the job back.',
  ],
  [
    'failed, to be retried',
    { status: 'failed', retries: 2, max_retries: 3, run_at: at(60_000), error },
    'Waiting for retry 2 of 3, due in 60 s, because: The receiver answered 500',
  ],
  [
    'failed, its retry due',
    { status: 'failed', retries: 1, max_retries: 3, run_at: at(-10), error },
    'It failed and the coordinator is about to retry or to bury it, because: The receiver answered 500',
  ],
  [
    'failed, its retries spent',
    { status: 'failed', retries: 4, max_retries: 3, run_at: at(0), error },
    'All 3 retries are spent; it is about to go to the dead-letter queue, because: The receiver answered 500',
  ],
  [
    'in the dead-letter queue',
    { status: 'dlq', finished_at: at(-30_000), error },
    'In the dead-letter queue since 09:59:30, because: The receiver answered 500',
  ],
  [
    'in the dead-letter queue without an error',
    { status: 'dlq', finished_at: at(-30_000), error: null },
    'In the dead-letter queue since 09:59:30',
  ],
  ['done', { status: 'done', started_at: at(-3_500), finished_at: at(-2_000) }, 'Done at 09:59:58, after 1.5 s.'],
  ['cancelled', { status: 'cancelled', finished_at: at(-2_000) }, 'Cancelled at 09:59:58: somebody asked.'],
])('of a job that is %s it says why it is there', (_, parts, sentence) => {
  expect(why(job(parts), NOW)).toBe(sentence);
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1500, '1.5 s'],
  [42_000, '42 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
])('%i ms are written as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('what was and what will be are told apart', () => {
  expect([ago(5000), ago(-5000), ago(300), ago(-300)]).toEqual(['5 s ago', 'in 5 s', 'now', 'now']);
});

test.each([
  [0, 'the real time'],
  [7_200_000, '2 h ahead'],
  [5_000, '5 s ahead'],
  [-600_000, '10 min behind'],
])('a clock that is %d ms off is said to be so', (ms, words) => {
  expect(ahead(ms)).toBe(words);
});
