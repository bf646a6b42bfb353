import type { Outcome } from '../lifecycle/settle.ts';
import { PermanentError, RetryAfter, RetryLater } from '../task.ts';

const MAX_RESULT_CHARACTERS = 262_144;
const MAX_ERROR_CHARACTERS = 2000;

/** The outcome of a handler that returned: done, or a permanent failure where JSON cannot hold the value. */
export function ofResult(value: unknown): Outcome {
  let result: string | undefined;
  try {
    result = JSON.stringify(value ?? null);
  } catch (error) {
    return fail(`The result cannot be stored as JSON: ${(error as Error).message}`, { permanent: true });
  }
  if (result === undefined)
    return fail(`The result cannot be stored as JSON: it is a ${typeof value}.`, { permanent: true });
  if (result.length > MAX_RESULT_CHARACTERS) {
    return fail(`The result is ${result.length} characters of JSON; ${MAX_RESULT_CHARACTERS} are allowed.`, {
      permanent: true,
    });
  }
  return { kind: 'done', result };
}

/** The outcome of a handler that threw, by the kind of what it threw. */
export function ofError(error: unknown): Outcome {
  if (error instanceof RetryLater) return { kind: 'released', reason: error.message, after: bounded(error.ms) };
  if (error instanceof PermanentError) return fail(error.message, { permanent: true });
  if (error instanceof RetryAfter) return fail(error.message, { after: bounded(error.ms) });
  return fail(error instanceof Error ? error.message || error.name : `The handler threw ${String(error)}`);
}

/** A failure with a message short enough to be stored. */
export const fail = (error: string, more: { permanent?: boolean; after?: number } = {}): Outcome => ({
  kind: 'failed',
  error: error.slice(0, MAX_ERROR_CHARACTERS).replaceAll('\u0000', ''),
  ...more,
});

const YEAR_MS = 31_536_000_000;
const bounded = (ms: number): number => (ms >= 0 && ms <= YEAR_MS ? Math.ceil(ms) : ms > YEAR_MS ? YEAR_MS : 0);
