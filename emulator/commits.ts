import { contextOf, type Env } from '../core/context.ts';
import { nextDue } from '../core/lifecycle/claim.ts';
import type { SqlitePort } from './sqlite.ts';
import type { Ticker } from './ticker.ts';

/** How often a processor looks whether something was committed. */
const POLL_MS = 5;

/** Calls back when something was committed, here or by another process, which costs about a microsecond to see. */
export function watchCommits(port: SqlitePort, changed: () => void): NodeJS.Timeout {
  const version = port.db.prepare('PRAGMA data_version').pluck();
  let seen = '';
  const look = () => {
    const now = `${version.get()} ${port.changes}`;
    if (now === seen) return;
    seen = now;
    changed();
  };
  return setInterval(() => {
    try {
      look();
    } catch {
      // A file that cannot be read just now: the next look is soon.
    }
  }, POLL_MS);
}

/** Starts what is due, and sets the alarm for what falls due next. Where the look fails, the cron comes all the same. */
export function lookForWork(env: Env, ticker: Ticker): void {
  ticker.poke('process-batch');
  void nextDue(contextOf(env)).then(
    (time) => time !== null && ticker.wakeAt('process-batch', time),
    () => {},
  );
}
