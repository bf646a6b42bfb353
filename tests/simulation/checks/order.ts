import type { LogRow, Row } from './ledger.ts';
import type { Observer } from './observer.ts';

/** Whether `a` is to be claimed before `b`: by priority, then by run_at, then by insertion. */
const before = (a: Row, b: Row): boolean => (b.priority - a.priority || a.run_at - b.run_at || a.seq - b.seq) < 0;

/** A claim takes the jobs that are first in line: of those that it left, none that was due comes before one it took. */
export function checkOrder({ ledger, breach }: Observer, logs: readonly LogRow[]): void {
  const [claim, ...more] = logs.filter(({ event }) => event === 'claimed');
  if (!claim) return;
  const taken = [claim, ...more].map(({ job_seq }) => ledger.bySeq.get(job_seq)?.row as Row);
  const last = taken.reduce((a, b) => (before(a, b) ? b : a));
  const left = ledger.living.find(({ row }) => row.status === 'pending' && row.run_at <= claim.at && before(row, last));
  if (left) breach('order', `job ${left.row.seq} was due and comes before job ${last.seq}, which was claimed`);
}
