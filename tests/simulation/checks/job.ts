import type { Host } from '../world/host.ts';
import type { Entry, LogRow, Row } from './ledger.ts';
import type { Observer } from './observer.ts';
import { checkRemarks } from './remarks.ts';
import { checkTransition } from './transition.ts';

/** Checks one job after a call of `host`: the log rows that the call added for it, and its row as it is now. */
export function checkJob(observer: Observer, host: Host, seq: number, logs: readonly LogRow[], is?: Row): void {
  const { ledger, world, breach } = observer;
  const steps = logs.filter(({ from_status, to_status }) => from_status !== null || to_status !== null);
  const [step] = steps;
  const known = ledger.bySeq.get(seq);
  if (steps.length > 1) breach(6, `job ${seq} made two transitions at once: ${steps.map(({ event }) => event)}`);
  if (!known) checkNew(observer, seq, step, is);
  else if (known.gone !== undefined) {
    if (is || step) breach(7, `job ${seq} was pruned, and is back`);
  } else {
    if (step) checkTransition(observer, host, known, step, is);
    else checkRemarks(observer, host, known, logs, is);
    if (is) checkRow(observer, known.row, is);
    ledger.update(known, is, world.step);
  }
}

function checkNew(observer: Observer, seq: number, step: LogRow | undefined, is: Row | undefined): void {
  // Touched by a batch that was rolled back.
  if (!step && !is) return;
  const fresh = is?.status === 'pending' && is.lease_epoch === 0 && is.retries === 0;
  if (step?.event !== 'scheduled' || !fresh) {
    observer.breach(6, `job ${seq} begins with ${step?.event ?? 'no log row'} as ${is?.status}`);
  } else checkTwins(observer, observer.ledger.add(is));
}

/** One request makes one job, and so do all requests with one key; with the key of a pruned job it may make another. */
function checkTwins({ ledger, breach }: Observer, entry: Entry): void {
  const { row } = entry;
  const twins = (ledger.byMarker.get(entry.marker) ?? []).filter(
    (other) => other !== entry && (row.idempotency_key === null || other.gone === undefined),
  );
  if (twins.length > 0) breach(10, `jobs ${twins[0]?.row.seq} and ${row.seq} come from one request`);
  if (row.idempotency_key === null) return;
  const living = ledger.keyed(row.owner_id, row.idempotency_key, Number.POSITIVE_INFINITY);
  if (living.length > 1) breach(10, `${living.length} jobs have the key "${row.idempotency_key}" of one owner`);
}

const constant = [
  ...['id', 'owner_id', 'task_type', 'payload', 'priority', 'max_retries', 'timeout_ms', 'created_at'],
  ...['idempotency_key', 'request_hash'],
] as (keyof Row)[];

/** What holds of every row, whatever happened to it. */
function checkRow({ breach }: Observer, was: Row, is: Row): void {
  const name = `job ${is.seq}`;
  const runs = is.status === 'running';
  if (runs !== (is.lease_until !== null) || runs !== (is.lease_worker !== null))
    breach(2, `${name} is ${is.status} with a lease of ${is.lease_worker} until ${is.lease_until}`);
  if (is.lease_epoch < was.lease_epoch) breach(3, `${name}: its epoch fell to ${is.lease_epoch}`);
  if (is.retries > is.max_retries + 1) breach(8, `${name} has ${is.retries} retries`);
  for (const column of constant) if (is[column] !== was[column]) breach(1, `${name}: ${column} has changed`);
}
