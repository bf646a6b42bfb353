import type { Outcome } from '../lifecycle/settle.ts';
import { PermanentError, RetryAfter, RetryLater } from '../task.ts';

const MAX_RESULT_CHARACTERS = 262_144;
/** Where JSON is not made to its end: a value that holds one part over and over may have no end in practice. */
const MAX_WRITTEN_CHARACTERS = 1_000_000;
const MAX_ERROR_CHARACTERS = 2000;

/** The outcome of a handler that returned: done, or a permanent failure where JSON cannot hold the value. */
export function ofResult(value: unknown): Outcome {
  let result: string | undefined;
  try {
    result = toJson(value ?? null);
  } catch (error) {
    return fail(`The result cannot be stored as JSON: ${textOf(error)}`, { permanent: true });
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

function toJson(value: unknown): string | undefined {
  let written = 0;
  return JSON.stringify(value, (key, part) => {
    // Refused in requests, too: whoever reads the result may copy it into an object of its own.
    if (key === '__proto__') throw new TypeError('a key may not be __proto__');
    if (part !== undefined) written += typeof part === 'string' ? part.length : 1;
    if (written > MAX_WRITTEN_CHARACTERS) throw new RangeError(`it has more than ${MAX_WRITTEN_CHARACTERS} characters`);
    return part;
  });
}

/** The outcome of a handler that threw, by the kind of what it threw. Anything can be thrown, what has no text too. */
export function ofError(error: unknown): Outcome {
  try {
    if (error instanceof RetryLater)
      return { kind: 'released', reason: short(textOf(error)), after: bounded(error.ms) };
    if (error instanceof PermanentError) return fail(textOf(error), { permanent: true });
    if (error instanceof RetryAfter) return fail(textOf(error), { after: bounded(error.ms) });
    return fail(textOf(error));
  } catch {
    return fail('The handler threw something that has no text.');
  }
}

const textOf = (error: unknown): string =>
  error instanceof Error ? String(error.message) || String(error.name) : `The handler threw ${String(error)}`;

/** A failure with a message short enough to be stored. */
export const fail = (error: string, more: { permanent?: boolean; after?: number } = {}): Outcome => ({
  kind: 'failed',
  error: short(error),
  ...more,
});

/** Cut to the limit of a log message, without what SQLite cannot hold: NUL, and half of a surrogate pair. */
const short = (text: string): string =>
  text
    .slice(0, MAX_ERROR_CHARACTERS)
    .replaceAll('\u0000', '')
    .replaceAll(/\p{Surrogate}/gu, '');

const YEAR_MS = 31_536_000_000;
const bounded = (ms: number): number => (ms >= 0 && ms <= YEAR_MS ? Math.ceil(ms) : ms > YEAR_MS ? YEAR_MS : 0);
