import { contextOf, type Env } from '../core/context.ts';
import { nextDue } from '../core/lifecycle/claim.ts';
import type { SqlitePort } from './sqlite.ts';
import type { Ticker } from './ticker.ts';

/** How often a processor looks whether something was committed: while something is, and once nothing has been for a while. */
const POLL_MS = 5;
const IDLE_POLL_MS = 25;
const IDLE_AFTER_MS = 3000;

/**
 * Calls back when something was committed, here or by another process. A look costs about a microsecond, waking up for
 * it ten times that, so an idle system looks less often. Returns what ends it.
 */
export function watchCommits(port: SqlitePort, changed: () => void): () => void {
  const version = port.db.prepare('PRAGMA data_version').pluck();
  let seen = '';
  let seenAt = 0;
  let timer: NodeJS.Timeout;
  const look = () => {
    const now = `${version.get()} ${port.changes}`;
    if (now === seen) return;
    seen = now;
    seenAt = performance.now();
    changed();
  };
  const poll = () => {
    try {
      look();
    } catch {
      // A file that cannot be read just now: the next look is soon.
    }
    timer = setTimeout(poll, performance.now() - seenAt < IDLE_AFTER_MS ? POLL_MS : IDLE_POLL_MS);
  };
  poll();
  return () => clearTimeout(timer);
}

/** Starts what is due, and sets the alarm for what falls due next. Where the look fails, the cron comes all the same. */
export function lookForWork(env: Env, ticker: Ticker): void {
  ticker.poke('process-batch');
  void nextDue(contextOf(env)).then(
    (time) => time !== null && ticker.wakeAt('process-batch', time),
    () => {},
  );
}
