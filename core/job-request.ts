import canonicalize from 'canonicalize';
import { fromTimestamp } from './context.ts';
import { depthOf } from './http/json.ts';
import { Problem } from './http/problem.ts';
import { digest } from './ids.ts';
import type { NewJob } from './lifecycle/schedule.ts';
import { type JobRequest, TEN_YEARS_MS } from './schemas.ts';
import type { AnyTask } from './task.ts';
import { summaryOf, validate } from './validate.ts';

export const MAX_PAYLOAD_BYTES = 262_144;
export const MAX_PAYLOAD_DEPTH = 32;

/**
 * Checks what a schema cannot (the task and its payload, sizes, the time) and makes the row to be inserted.
 * `now` is the time of the request, `under` is where the request stands in the body, for error paths. Throws a Problem.
 */
export function toNewJob(now: number, tasks: readonly AnyTask[], request: JobRequest, under = ''): NewJob {
  const payload = checkPayload(tasks, request, under);
  const run_at = request.run_at === undefined ? now + (request.delay_ms ?? 0) : fromTimestamp(request.run_at);
  if (run_at > now + TEN_YEARS_MS) throw refuse('invalid_body', `${under}/run_at`, 'more than ten years ahead');
  const { task_type, priority, max_retries, timeout_ms = null, idempotency_key = null } = request;
  return {
    task_type,
    payload,
    priority,
    max_retries,
    run_at: Math.max(0, run_at),
    timeout_ms,
    idempotency_key,
    request_hash: idempotency_key === null ? null : requestHash(request),
  };
}

function checkPayload(tasks: readonly AnyTask[], { task_type, payload }: JobRequest, under: string): string {
  const task = tasks.find(({ type }) => type === task_type);
  if (!task)
    throw refuse(
      'unknown_task_type',
      `${under}/task_type`,
      `"${task_type}" is none of ${tasks.map(({ type }) => type).join(', ')}`,
    );
  const path = `${under}/payload`;
  const text = JSON.stringify(payload);
  // What is short need not be measured: a level takes two characters at least, and a character three bytes at most.
  if (text.length > 2 * MAX_PAYLOAD_DEPTH && depthOf(payload, MAX_PAYLOAD_DEPTH + 1) > MAX_PAYLOAD_DEPTH)
    throw refuse('invalid_payload', path, `nested deeper than ${MAX_PAYLOAD_DEPTH}`);
  const bytes = 3 * text.length > MAX_PAYLOAD_BYTES ? new TextEncoder().encode(text).length : 0;
  if (bytes > MAX_PAYLOAD_BYTES)
    throw refuse('payload_too_large', path, `${bytes} bytes; ${MAX_PAYLOAD_BYTES} are allowed`);
  const fit = validate(task.payload, payload, path);
  if ('value' in fit) return text;
  throw new Problem('invalid_payload', summaryOf(fit.errors), { errors: fit.errors });
}

const refuse = (
  code: 'invalid_body' | 'unknown_task_type' | 'invalid_payload' | 'payload_too_large',
  path: string,
  message: string,
): Problem => new Problem(code, `${path}: ${message}`, { errors: [{ path, message }] });

/** The identity of a request: the digest of its canonical JSON (RFC 8785), but for the key itself. */
const requestHash = ({ idempotency_key: _, ...request }: JobRequest): string => digest(canonicalize(request) as string);
