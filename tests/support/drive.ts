import * as z from 'zod/mini';
import { type Claimed, claim } from '../../core/lifecycle/claim.ts';
import type { JobRow } from '../../core/lifecycle/job.ts';
import { type NewJob, schedule } from '../../core/lifecycle/schedule.ts';
import { type AnyTask, type TaskContext, type TaskJob, task } from '../../core/task.ts';
import type { TestClock } from './clock.ts';
import type { System } from './system.ts';

/** A task for one test; its handler takes any payload. */
export const taskOf = (type: string, run: (job: TaskJob<never>, ctx: TaskContext) => unknown): AnyTask =>
  task({ type, summary: 'For a test.', payload: z.any(), example: {}, run });

/** Inserts jobs past HTTP, so that a test may use task types that the registry does not know. In the given order. */
export async function insert(system: System, ...jobs: (Partial<NewJob> & { owner?: string })[]): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  for (const { owner = 'bootstrap', ...job } of jobs) {
    const usual = { task_type: 'test', payload: '{}', priority: 0, max_retries: 3, run_at: system.clock.now() };
    const none = { timeout_ms: null, idempotency_key: null, request_hash: null };
    const scheduled = await schedule(system.ctx(), owner, [{ ...usual, ...none, ...job }]);
    if ('conflict' in scheduled) throw new Error('The key belongs to another request.');
    for (const { id } of scheduled.rows)
      rows.push(system.db.prepare('SELECT * FROM jobs WHERE id = ?').get(id) as JobRow);
  }
  return rows;
}

/** As insert, for one job. */
export async function insertOne(system: System, job: Partial<NewJob> & { owner?: string } = {}): Promise<JobRow> {
  return only(await insert(system, job));
}

/** The one element of a list; throws where there are none or more. */
export function only<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new Error(`one was expected, not ${list.length}: ${JSON.stringify(list)}`);
  return list[0] as T;
}

const taken = new WeakMap<System, Claimed[]>();

/** Claims up to `limit` jobs, for a worker that has all in hand that was ever claimed in this way. */
export async function take(system: System, worker = 'w1', limit = 10, env = system.env): Promise<Claimed[]> {
  const held = taken.get(system) ?? [];
  const jobs = await claim(system.ctx(env), worker, limit, held);
  taken.set(system, [...held, ...jobs]);
  return jobs;
}

/** Claims the one job that is due. */
export const claimOne = async (system: System, worker = 'w1', env = system.env): Promise<Claimed> =>
  only(await take(system, worker, 10, env));

/** The row as it is stored, or undefined where it is gone. */
export const stored = (system: System, seq: number): (JobRow & { permanent: 0 | 1 }) | undefined =>
  system.db.prepare('SELECT * FROM jobs WHERE seq = ?').get(seq) as (JobRow & { permanent: 0 | 1 }) | undefined;

export interface StoredLog {
  at: number;
  level: string;
  event: string;
  epoch: number | null;
  worker: string | null;
  from_status: string | null;
  to_status: string | null;
  message: string | null;
  data: string | null;
}

/** The log rows of a job, oldest first; those of one event where it is named. */
export const logsOf = (system: System, seq: number, event?: string): StoredLog[] =>
  system.db
    .prepare('SELECT * FROM logs WHERE job_seq = ?1 AND (?2 IS NULL OR event = ?2) ORDER BY seq')
    .all({ 1: seq, 2: event ?? null }) as StoredLog[];

/** Lets everything run that needs no time. */
export async function turns(clock: TestClock, n = 20): Promise<void> {
  for (let i = 0; i < n; i++) await clock.turn();
}

/** Moves time on in steps until `work` has ended; its value. `growth` makes each step longer than the last, up to a minute. */
export async function during<T>(clock: TestClock, work: Promise<T>, step = 50, growth = 1): Promise<T> {
  let over = false;
  const end = () => {
    over = true;
  };
  work.then(end, end);
  for (let i = 0; i < 20_000; i++) {
    await turns(clock, 3);
    if (over) return work;
    await clock.advance(Math.round(Math.min(step * growth ** i, Math.max(step, 60_000))));
  }
  throw new Error('It did not end.');
}

/** A promise and what fulfils it: lets a test hold a handler. */
export function gate(): { passed: Promise<void>; open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
