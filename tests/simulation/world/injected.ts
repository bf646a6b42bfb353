import type { Chance } from './chance.ts';
import type { CallFault } from './faults.ts';

type Text = readonly [code: string, message: string];

/** What callers are told: the code and the message of better-sqlite3, or the message of D1. */
const texts: Partial<Record<CallFault, readonly Text[]>> = {
  'lost-answer': [
    ['', 'D1_ERROR: Network connection lost.'],
    ['', 'D1_ERROR: internal error'],
    ['SQLITE_IOERR', 'disk I/O error'],
  ],
  'fail-before': [
    ['', 'D1_ERROR: Network connection lost.'],
    ['', 'D1_ERROR: internal error'],
    ['SQLITE_IOERR', 'disk I/O error'],
  ],
  'fail-midway': [
    ['', 'D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.'],
    ['SQLITE_IOERR', 'disk I/O error'],
  ],
  busy: [['SQLITE_BUSY', 'database is locked']],
  full: [['SQLITE_FULL', 'database or disk is full']],
};

/** An error that the run made: whoever sees another one has found a bug. */
export class Injected extends Error {
  readonly code: string;

  constructor([code, message]: Text) {
    super(message);
    this.code = code;
  }

  static of(kind: CallFault, chance: Chance): Injected {
    return new Injected(chance.pick(texts[kind] as readonly Text[]));
  }
}
