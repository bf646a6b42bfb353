import type { Event } from '../../../core/lifecycle/states.ts';
import type { Settings } from '../../../core/settings.ts';
import type { Law } from './laws.ts';
import type { Entry, LogRow, Row } from './ledger.ts';

/** A transition as it was committed: the row before, the log row, the row after (none where it was pruned). */
export interface Made {
  was: Row;
  log: LogRow;
  is: Row;
  entry: Entry;
  settings: Settings;
  /** Whether the host that wrote it is the one whose worker held the lease. */
  byHolder: boolean;
  /** The worker and the job of the handler's run that the result names. */
  run?: { id: string; worker: string } | undefined;
}

/** What must hold of a transition. */
type Rule = [law: Law, text: string, holds: (made: Made) => boolean];

const DAY_MS = 86_400_000;
const between = (value: number, min: number, max: number): boolean => value >= min && value <= max;
const byOperator = (log: LogRow): boolean => log.data !== null;

const ofOutcomes: Rule[] = [
  [4, 'a second outcome of its epoch', ({ log, entry }) => !entry.outcomes.has(log.epoch as number)],
  [5, 'an outcome of another epoch than the current', ({ log, was }) => log.epoch === was.lease_epoch],
  ['cancel', 'it was to be cancelled', ({ was, log }) => was.cancel_requested_at === null || log.event === 'cancelled'],
];
const ofWorkers: Rule[] = [
  ...ofOutcomes,
  [5, 'an outcome by a host that does not hold the lease', ({ byHolder }) => byHolder],
  [5, 'an outcome in the name of another worker', ({ log, was }) => log.worker === was.lease_worker],
];
const expired: Rule = [9, 'the lease had not expired', ({ log, was }) => log.at >= (was.lease_until as number)];

/** The rules of each event, beside the table of states, which holds for all of them. */
export const rules: Record<Event, readonly Rule[]> = {
  scheduled: [],
  claimed: [
    [
      3,
      'its epoch is not the next',
      ({ was, log, is }) => log.epoch === was.lease_epoch + 1 && is.lease_epoch === log.epoch,
    ],
    [8, 'its retries are spent', ({ was }) => was.retries <= was.max_retries && was.permanent === 0],
    [8, 'it was interrupted too often', ({ was, settings }) => was.interruptions <= settings.MAX_INTERRUPTIONS],
    [9, 'it was claimed before run_at', ({ was, log }) => log.at >= was.run_at],
  ],
  done: [
    ...ofWorkers,
    [
      'result',
      'the result is not from its run',
      ({ run, log, was }) => run?.worker === log.worker && run?.id === was.id,
    ],
  ],
  failed: [
    ...ofWorkers,
    [8, 'not one retry was counted', ({ was, is }) => is.retries === was.retries + 1],
    [
      9,
      'the backoff is out of bounds',
      ({ log, is, settings }) => between(is.run_at - log.at, 0, settings.BACKOFF_MAX_MS),
    ],
  ],
  released: [
    ...ofWorkers,
    [8, 'it was charged', ({ was, is }) => is.retries === was.retries && is.interruptions === was.interruptions],
  ],
  reclaimed: [
    ...ofOutcomes,
    expired,
    [
      8,
      'not one interruption was counted',
      ({ was, is }) => is.interruptions === was.interruptions + 1 && is.retries === was.retries,
    ],
    [
      8,
      'its budget of interruptions says otherwise',
      ({ is, settings }) => (is.status === 'dlq') === is.interruptions > settings.MAX_INTERRUPTIONS,
    ],
  ],
  retried: [
    [8, 'its retries are spent', ({ was }) => was.retries <= was.max_retries && was.permanent === 0],
    [9, 'it was retried before run_at', ({ was, log }) => log.at >= was.run_at],
  ],
  buried: [[8, 'it had a retry left', ({ was }) => was.retries > was.max_retries || was.permanent === 1]],
  redriven: [
    [3, 'its epoch was reset', ({ was, is }) => is.lease_epoch === was.lease_epoch],
    [8, 'its budgets do not begin anew', ({ is }) => is.retries === 0 && is.interruptions === 0 && is.permanent === 0],
    [
      8,
      'the coordinator redrove it too often',
      ({ log, entry, settings }) => byOperator(log) || entry.redrives < settings.MAX_DLQ_REDRIVES,
    ],
    [
      8,
      'its redrives are miscounted',
      ({ was, log, is }) => is.dlq_redrives === was.dlq_redrives + (byOperator(log) ? 0 : 1),
    ],
    [
      9,
      'it was redriven too early',
      ({ was, log, settings }) =>
        byOperator(log) || log.at >= (was.finished_at as number) + settings.DLQ_REDRIVE_AFTER_MS,
    ],
  ],
  cancelled: [
    [
      4,
      'a second outcome of its epoch',
      ({ was, log, entry }) => was.status !== 'running' || !entry.outcomes.has(log.epoch as number),
    ],
    [
      5,
      'cancelled by a host that does not hold the lease',
      (made) => made.was.status !== 'running' || made.byHolder || expired[2](made),
    ],
    [
      'cancel',
      'nobody asked',
      ({ was, log }) => was.status !== 'running' || was.cancel_requested_at !== null || byOperator(log),
    ],
  ],
  pruned: [
    [
      9,
      'it was pruned too early',
      ({ was, log, settings }) =>
        settings.RETENTION_DAYS > 0 && log.at - (was.finished_at as number) > settings.RETENTION_DAYS * DAY_MS,
    ],
  ],
};
