import { breaches } from '../../support/invariants.ts';
import type { Row } from './ledger.ts';
import type { Observer } from './observer.ts';

const JOBS = 'SELECT * FROM jobs';
const PRUNED = "SELECT job_seq, data ->> 'job_id' AS id FROM logs WHERE event = 'pruned'";

/** Compares the whole database with the ledger, and with the invariants as the other tests reckon them, anew from the log. */
export function checkWhole(observer: Observer): void {
  const { store } = observer.world;
  const rows = new Map((store.reader(JOBS).all() as Row[]).map((row) => [row.seq, row]));
  for (const { row } of observer.ledger.living) {
    const stored = rows.get(row.seq);
    if (!stored) observer.breach(1, `job ${row.seq} is gone, and nobody saw it go`);
    else if (JSON.stringify(stored) !== JSON.stringify(row))
      observer.breach(6, `job ${row.seq} has changed, and nobody saw it`);
    rows.delete(row.seq);
  }
  for (const seq of rows.keys()) observer.breach(6, `job ${seq} is there, and nobody saw it come`);
  checkPruned(observer);
  for (const text of breaches(store.db)) observer.breach(text.startsWith('the report') ? 12 : 6, text);
}

/** Every pruned job is named by exactly one log row, and no other job is. */
function checkPruned({ world, ledger, breach }: Observer): void {
  const names = new Map<number, string[]>();
  for (const { job_seq, id } of world.store.reader(PRUNED).all() as { job_seq: number; id: string }[])
    names.set(job_seq, [...(names.get(job_seq) ?? []), id]);
  for (const { row, gone } of ledger.bySeq.values()) {
    const found = names.get(row.seq) ?? [];
    if (found.join() !== (gone === undefined ? '' : row.id))
      breach(1, `job ${row.seq} is named as pruned by ${found.length} rows: ${found}`);
  }
}

/** Whether the database itself is sound. */
export function checkIntegrity({ world, breach }: Observer): void {
  const found = world.store.db.pragma('integrity_check', { simple: true });
  if (found !== 'ok') breach('unforeseen', `integrity_check says ${found}`);
}
