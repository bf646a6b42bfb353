import type { JobRow } from '../../../core/lifecycle/job.ts';
import type { Event, Status } from '../../../core/lifecycle/states.ts';

export type Row = JobRow & { permanent: 0 | 1 };

export interface LogRow {
  seq: number;
  at: number;
  event: Event | 'message' | 'stale' | 'cancel_requested';
  job_seq: number;
  owner_id: string;
  epoch: number | null;
  worker: string | null;
  from_status: Status | null;
  to_status: Status | null;
  data: string | null;
}

/** All that is known of one job, from what was committed alone. */
export interface Entry {
  /** As it was stored last. */
  row: Row;
  /** The number that its request carries in the payload. */
  marker: number;
  /** How often each worker has claimed it. */
  claims: Map<string, number>;
  /** The epochs that have an outcome, and the worker who wrote it (null for the coordinator). */
  outcomes: Map<number, string | null>;
  /** Redrives by the coordinator. */
  redrives: number;
  /** The step in which it was pruned. */
  gone?: number;
}

/** The jobs of a run as they should be: what the database holds is compared with it. */
export class Ledger {
  readonly bySeq = new Map<number, Entry>();
  readonly byId = new Map<string, Entry>();
  readonly byMarker = new Map<number, Entry[]>();
  /** Living jobs by owner, task type and status. */
  readonly counts = new Map<string, number>();

  add(row: Row): Entry {
    const { marker } = JSON.parse(row.payload) as { marker: number };
    const entry: Entry = { row, marker, claims: new Map(), outcomes: new Map(), redrives: 0 };
    this.bySeq.set(row.seq, entry);
    this.byId.set(row.id, entry);
    this.byMarker.set(marker, [...(this.byMarker.get(marker) ?? []), entry]);
    this.#count(row, 1);
    return entry;
  }

  /** Takes over what is stored now; without a row, that it was pruned. */
  update(entry: Entry, row: Row | undefined, step: number): void {
    this.#count(entry.row, -1);
    if (row) {
      this.#count(row, 1);
      entry.row = row;
    } else entry.gone = step;
  }

  get living(): Entry[] {
    return [...this.bySeq.values()].filter(({ gone }) => gone === undefined);
  }

  /** The jobs of an owner under a key that lived at some time since `step`. */
  keyed(owner: string, key: string, step: number): Entry[] {
    return [...this.bySeq.values()].filter(
      ({ row, gone = Number.POSITIVE_INFINITY }) =>
        row.owner_id === owner && row.idempotency_key === key && gone >= step,
    );
  }

  #count({ owner_id, task_type, status }: Row, change: 1 | -1): void {
    for (const owner of [owner_id, '']) {
      const key = `${owner} ${status} ${task_type}`;
      const n = (this.counts.get(key) ?? 0) + change;
      if (n === 0) this.counts.delete(key);
      else this.counts.set(key, n);
    }
  }
}
