import type { Host } from '../world/host.ts';
import type { Entry, LogRow, Row } from './ledger.ts';
import type { Observer } from './observer.ts';

/** What may happen to a job without a transition: a heartbeat extends its own lease, a cancel marks it, logs are written. */
export function checkRemarks(observer: Observer, host: Host, entry: Entry, logs: readonly LogRow[], is?: Row): void {
  const { breach } = observer;
  const { row: was } = entry;
  const name = `job ${was.seq}`;
  if (!is) {
    breach(1, `${name} is gone, and no log row names it`);
    return;
  }
  const asked = logs.some(({ event }) => event === 'cancel_requested');
  for (const column of Object.keys(is) as (keyof Row)[]) {
    if (is[column] === was[column]) continue;
    if (column === 'lease_until' && was.status === 'running') {
      if (!observer.holds(host, was)) breach(5, `${name}: a heartbeat by a host that does not hold the lease`);
    } else if (column !== 'cancel_requested_at' || !asked)
      breach(6, `${name}: ${column} went from ${was[column]} to ${is[column]} without a log row`);
  }
  for (const log of logs) checkRemark(observer, name, entry, log, is);
}

function checkRemark(
  { breach }: Observer,
  name: string,
  entry: Entry,
  { event, epoch, worker }: LogRow,
  is: Row,
): void {
  if (event === 'stale' && entry.outcomes.get(epoch as number) === worker)
    breach('log', `${name}: ${worker} is called stale, but its outcome of epoch ${epoch} counts`);
  if (event === 'message' && (epoch !== is.lease_epoch || is.status !== 'running'))
    breach(5, `${name}: a message by a handler that lost its lease`);
  if (event === 'cancel_requested' && is.cancel_requested_at === null)
    breach('log', `${name}: a cancel was logged, and the job is not marked`);
}
