import type { Caller } from './access/admit.ts';
import type { Context } from './context.ts';
import type { Reply } from './http/endpoint.ts';
import { Problem } from './http/problem.ts';
import { toNewJob } from './job-request.ts';
import { type JobRow, toJob } from './lifecycle/job.ts';
import { type NewJob, schedule } from './lifecycle/schedule.ts';
import type { JobRequest } from './schemas.ts';
import { tasks } from './tasks/index.ts';
import { wakeFor } from './wake.ts';

/** Schedules one job; the answer to the request. Throws a Problem. */
export async function scheduleJob(
  ctx: Context,
  caller: Caller,
  request: JobRequest,
  headerKey?: string,
): Promise<Reply> {
  const { idempotency_key } = request;
  if (headerKey !== undefined && idempotency_key !== undefined && headerKey !== idempotency_key) {
    throw new Problem('bad_parameter', 'The header Idempotency-Key and idempotency_key in the body are not the same.');
  }
  const key = idempotency_key ?? headerKey;
  const { rows, replayed } = await insert(ctx, caller, [
    toNewJob(ctx.now(), tasks, key === undefined ? request : { ...request, idempotency_key: key }),
  ]);
  const body = toJob(rows[0] as JobRow);
  const location = `/v1/jobs/${body.id}`;
  return replayed[0]
    ? { status: 200, body, headers: { location, 'idempotent-replayed': 'true' } }
    : { status: 201, body, headers: { location } };
}

/** Schedules a set of jobs, all or none. Throws a Problem whose errors name the index that is wrong. */
export async function scheduleJobs(ctx: Context, caller: Caller, requests: readonly JobRequest[]): Promise<Reply> {
  const now = ctx.now();
  const jobs = requests.map((request, i) => toNewJob(now, tasks, request, `/jobs/${i}`));
  const { rows } = await insert(ctx, caller, jobs, (i) => `/jobs/${i}`);
  return { status: 201, body: { items: rows.map(toJob) } };
}

async function insert(ctx: Context, caller: Caller, jobs: readonly NewJob[], pathOf = (_: number) => '') {
  const twins = conflictWithin(jobs);
  const scheduled = twins >= 0 ? { conflict: twins } : await schedule(ctx, caller.id, jobs);
  if ('conflict' in scheduled) {
    const path = `${pathOf(scheduled.conflict)}/idempotency_key`;
    const message = 'this key was used for another request';
    throw new Problem('idempotency_key_reused', `${path}: ${message}`, { errors: [{ path, message }] });
  }
  wakeFor(ctx, Math.min(...jobs.map(({ run_at }) => run_at)));
  return scheduled;
}

/** The index of the first request that uses the key of another, different request of the same set; -1 for none. */
function conflictWithin(jobs: readonly NewJob[]): number {
  const hashes = new Map<string, string | null>();
  return jobs.findIndex(({ idempotency_key: key, request_hash: hash }) => {
    if (key === null) return false;
    if (!hashes.has(key)) hashes.set(key, hash);
    return hashes.get(key) !== hash;
  });
}
