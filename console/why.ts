import { ago, duration, time } from './format.ts';
import type { Job } from './types.ts';

const because = (error: string | null): string => (error ? `, because: ${error}` : '');
const until = (ms: number): string => (ms < 1000 ? 'now' : `in ${ago(-ms).slice(3)}`);

/** Why a job is where it is, and what it waits for, in one sentence. `now` is in milliseconds since 1970. */
export function why(job: Job, now: number): string {
  const wait = Date.parse(job.run_at) - now;
  switch (job.status) {
    case 'pending':
      return pending(job, wait);
    case 'running':
      return running(job, now);
    case 'failed':
      return failed(job, wait);
    case 'dlq':
      return `In the dead-letter queue since ${time(job.finished_at ?? now, now)}${because(job.error)}`;
    case 'done':
      return `Done at ${time(job.finished_at ?? now, now)}${took(job)}.`;
    case 'cancelled':
      return `Cancelled at ${time(job.finished_at ?? now, now)}: somebody asked.`;
  }
}

function pending({ retries, max_retries, interruptions }: Job, wait: number): string {
  const what = retries > 0 ? `Retry ${retries} of ${max_retries}` : 'It';
  const lost =
    interruptions > 0 ? ` Its worker was lost ${interruptions === 1 ? 'once' : `${interruptions} times`}.` : '';
  if (wait > 0) return `${what} is due ${until(wait)}.${lost}`;
  const late = -wait >= 1000 ? ` for ${duration(Math.floor(-wait / 1000) * 1000).replace('.0', '')}` : '';
  return `${what} has been due${late}; it waits for a free worker.${lost}`;
}

function running({ lease_worker, lease_until, cancel_requested_at }: Job, now: number): string {
  const left = Date.parse(lease_until ?? '') - now;
  if (left <= 0)
    return `The lease of ${lease_worker} ended ${ago(-left)}; the coordinator is about to take the job back.`;
  const stop = cancel_requested_at ? ' It was cancelled and stops at the next heartbeat.' : '';
  return `It is running: leased by ${lease_worker} until ${time(lease_until ?? now, now)}, and renewed while it runs.${stop}`;
}

function failed({ retries, max_retries, error }: Job, wait: number): string {
  if (retries > max_retries)
    return `All ${max_retries} retries are spent; it is about to go to the dead-letter queue${because(error)}`;
  if (wait <= 0) return `It failed and the coordinator is about to retry or to bury it${because(error)}`;
  return `Waiting for retry ${retries} of ${max_retries}, due ${until(wait)}${because(error)}`;
}

function took({ started_at, finished_at }: Job): string {
  if (!started_at || !finished_at) return '';
  return `, after ${duration(Date.parse(finished_at) - Date.parse(started_at))}`;
}
