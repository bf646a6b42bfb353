import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';

// It waits for readers and writers, and syncs the disk: in a thread of its own, so that the event loop does not.
const { path, waitMs } = workerData as { path: string; waitMs: number };
const db = new Sqlite(path, { fileMustExist: true, timeout: waitMs });
try {
  const [row] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  parentPort?.postMessage(row?.busy === 0);
} finally {
  db.close();
}
