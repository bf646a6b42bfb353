import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../core/context.ts';

/**
 * Commits copy the log into the database as they go, but only what no reader needs any more, and the log begins anew
 * only when no reader is in it: where readers overlap all the time it would grow for ever. From this size on, writers
 * and new readers are held up for a moment, until the readers of now are through.
 */
export const LOG_LIMIT = 64 * 1024 * 1024;
const LOOK_MS = 1000;
/** Clearly less than a writer waits before its caller is told that the database is busy. */
const WAIT_MS = 500;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Looks at the log beside a database once a second, and empties it when it has grown past LOG_LIMIT. */
export function keepLogShort(path: string, log: Logger): { stop(): Promise<void> } {
  let attempt: Promise<void> | undefined;
  let pause = FIRST_PAUSE_MS;
  let notBefore = 0;
  const look = async () => {
    const bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes < LOG_LIMIT || performance.now() < notBefore) return;
    const emptied = await emptyLog(path).catch(() => false);
    if (!emptied && pause > FIRST_PAUSE_MS)
      log('warn', 'The write-ahead log cannot be emptied while somebody reads.', { path, bytes, again_in_ms: pause });
    // Whoever reads for minutes, such as a backup, is not waited for again and again.
    notBefore = emptied ? 0 : performance.now() + pause;
    pause = emptied ? FIRST_PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
  };
  const timer = setInterval(() => {
    attempt ??= look().finally(() => {
      attempt = undefined;
    });
  }, LOOK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await attempt;
    },
  };
}

/** Whether the log is empty now. */
function emptyLog(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./checkpoint-thread.mjs', import.meta.url), {
      workerData: { path, waitMs: WAIT_MS },
    });
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => resolve(false));
  });
}
