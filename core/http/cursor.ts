import { digest } from '../ids.ts';
import { Problem } from './problem.ts';

/**
 * An opaque place in a list. `scope` names the caller, the list and its filters: a cursor is good only there.
 * Its check part catches tampering; what keeps other people's rows out is the query, not the cursor.
 */
export const encodeCursor = (scope: string, seq: number): string =>
  btoa(`${seq.toString(36)}.${check(scope, seq)}`)
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** The place a cursor names. Throws the problem bad_cursor for one that was changed or made for another list. */
export function decodeCursor(scope: string, cursor: string): number {
  let text = '';
  try {
    text = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {}
  const seq = Number.parseInt(text.split('.')[0] ?? '', 36);
  if (!Number.isSafeInteger(seq) || encodeCursor(scope, seq) !== cursor) {
    throw new Problem(
      'bad_cursor',
      'The cursor was changed, or comes from another list, filter or user. Start without one.',
    );
  }
  return seq;
}

const check = (scope: string, seq: number): string => digest(`${scope}\n${seq}`).slice(0, 16);
