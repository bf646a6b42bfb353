import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';

// Two questions that a partial index answers each: watching must not slow down what is watched.
const BUSY = `SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending') OR EXISTS (SELECT 1 FROM jobs WHERE status = 'running')`;

/** Waits, on a connection of its own, until no job of a database file is pending or running. */
export async function untilDrained(path: string): Promise<void> {
  const db = new Sqlite(path, { readonly: true, timeout: 10_000 });
  const busy = db.prepare(BUSY).pluck();
  while (busy.get() === 1) await pause(20);
  db.close();
}
