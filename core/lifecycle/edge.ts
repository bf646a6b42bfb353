import type { Database, SqlValue, Statement } from '../database.ts';
import { type Event, isAllowed, type Status } from './states.ts';

/** One edge of the state machine in SQL. In every expression ?1 is the time now; `jobs` is the row as it was before. */
export interface EdgeSpec {
  event: Event;
  from: Status | readonly Status[];
  to: Status;
  /** A set to work on: `json_each(?2) AS entry`, joined with jobs by `where`. */
  each?: string;
  /** The guard, beside the status. It stands in the UPDATE and, the same text, in the log row's SELECT. */
  where: string;
  /** Assignments, beside those that follow from the two statuses. */
  set?: string;
  level?: 'info' | 'warn' | 'error';
  /** SQL expressions for the log row. */
  epoch?: string;
  worker?: string;
  message?: string;
  data?: string;
  /** What the update answers for each job: its seq, if nothing is said; null for nothing. */
  returning?: string | null;
}

export interface Edge {
  log: string;
  update: string;
}

export const LOG_COLUMNS =
  '(at, level, event, job_seq, owner_id, task_type, epoch, worker, from_status, to_status, message, data)';

/**
 * Compiles an edge to its log row and its update, under one guard, so that neither can happen without the other.
 * Throws at load for a transition that is not in the table.
 */
export function edge(spec: EdgeSpec): Edge {
  const from = [spec.from].flat();
  for (const status of from) {
    if (!isAllowed(status, spec.to, spec.event)) {
      throw new Error(`No transition ${spec.event} from ${status} to ${spec.to} is in the table of states.`);
    }
  }
  const guard = `${oneOf(from)} AND ${spec.where}`;
  const columns = [
    '?1',
    `'${spec.level ?? 'info'}'`,
    `'${spec.event}'`,
    'jobs.seq, jobs.owner_id, jobs.task_type',
    spec.epoch ?? 'jobs.lease_epoch',
    spec.worker ?? 'jobs.lease_worker',
    `jobs.status, '${spec.to}'`,
    spec.message ?? 'NULL',
    spec.data ?? 'NULL',
  ];
  return {
    log: `INSERT INTO logs ${LOG_COLUMNS} SELECT ${columns.join(', ')}
      FROM ${spec.each ? `${spec.each} CROSS JOIN jobs` : 'jobs'} WHERE ${guard}`,
    update: `UPDATE jobs SET ${assignments(from, spec)} ${spec.each ? `FROM ${spec.each}` : ''} WHERE ${guard}
      ${spec.returning === null ? '' : `RETURNING ${spec.returning ?? 'jobs.seq'}`}`,
  };
}

/** The two statements of an edge, bound: first the log row, then the update. */
export const step = (db: Database, { log, update }: Edge, ...values: SqlValue[]): [Statement, Statement] => [
  bind(db, log, values),
  bind(db, update, values),
];

/** Binds as many of the values as the text mentions: the log row may need more of them than the update. */
export function bind(db: Database, sql: string, values: readonly SqlValue[]): Statement {
  return db.prepare(sql).bind(...values.slice(0, parametersOf(sql)));
}

const counted = new Map<string, number>();

function parametersOf(sql: string): number {
  let count = counted.get(sql);
  if (count === undefined) {
    count = Math.max(0, ...[...sql.matchAll(/\?(\d+)/g)].map((match) => Number(match[1])));
    counted.set(sql, count);
  }
  return count;
}

// A literal, not a parameter: only then does SQLite use the partial indexes.
const oneOf = (from: readonly Status[]): string =>
  from.length === 1
    ? `jobs.status = '${from[0]}'`
    : `jobs.status IN (${from.map((status) => `'${status}'`).join(', ')})`;

const ended = (status: Status): boolean => status === 'done' || status === 'dlq' || status === 'cancelled';

function assignments(from: readonly Status[], spec: EdgeSpec): string {
  const set = [`status = '${spec.to}'`];
  if (from.includes('running')) set.push('lease_worker = NULL, lease_until = NULL, cancel_requested_at = NULL');
  if (ended(spec.to)) set.push('finished_at = ?1');
  else if (from.some(ended)) set.push('finished_at = NULL');
  if (spec.set) set.push(spec.set);
  return set.join(', ');
}
