import Sqlite from 'better-sqlite3';
import { SqlitePort } from '../../../emulator/sqlite.ts';

/** The migrations' texts, put here when the simulator is bundled. */
declare const MIGRATIONS: readonly string[];

let image: Buffer | undefined;

/** A freshly migrated database as bytes; migrated once, since every run begins with it. */
function migrated(): Buffer {
  if (!image) {
    const db = new Sqlite(':memory:');
    for (const sql of MIGRATIONS) db.exec(sql);
    image = db.serialize();
    db.close();
  }
  return image;
}

/** What statements have written since the last look; a superset of it where they were rolled back. */
export interface Touched {
  jobs: Set<number>;
  buckets: Set<string>;
  /** Log rows that were deleted, and the numbers of their jobs. */
  erased: { log: number; job: number }[];
  /** A log row was changed, which nothing may. */
  rewritten: boolean;
  counts: boolean;
}

const nothing = (): Touched => ({
  ...{ jobs: new Set(), buckets: new Set(), erased: [] },
  ...{ rewritten: false, counts: false },
});

/** A database of its own for one run: real SQLite in memory, its clock the run's, each written row noticed. */
export class Store {
  readonly db = new Sqlite(migrated());
  readonly port = new SqlitePort(this.db);
  #touched = nothing();
  readonly #readers = new Map<string, Sqlite.Statement>();

  /** `now` is the database's own clock, in milliseconds. */
  constructor(now: () => number) {
    this.db.pragma('foreign_keys = 1');
    this.db.function('unixepoch', { varargs: true }, () => now() / 1000);
    this.db.function('broken', () => {
      throw new Error('The simulation broke this batch.');
    });
    for (const event of ['INSERT', 'UPDATE', 'DELETE'] as const) {
      const row = event === 'DELETE' ? 'old' : 'new';
      this.#notice(event, 'jobs', `${row}.seq`, (seq) => this.#touched.jobs.add(seq as number));
      this.#notice(event, 'rate_limits', `${row}.bucket`, (name) => this.#touched.buckets.add(name as string));
    }
    this.#notice('DELETE', 'logs', 'old.seq, old.job_seq', (log, job) =>
      this.#touched.erased.push({ log, job } as { log: number; job: number }),
    );
    this.#notice('UPDATE', 'logs', '1', () => this.#set('rewritten'));
    this.#notice('UPDATE', 'job_counts_mark', '1', () => this.#set('counts'));
  }

  /** A statement of the checks, compiled once. */
  reader(sql: string): Sqlite.Statement {
    const reader = this.#readers.get(sql) ?? this.db.prepare(sql);
    this.#readers.set(sql, reader);
    return reader;
  }

  /** What was touched; nothing is from now on. */
  take(): Touched {
    const taken = this.#touched;
    this.#touched = nothing();
    return taken;
  }

  close(): void {
    this.db.close();
  }

  #set(what: 'rewritten' | 'counts'): void {
    this.#touched[what] = true;
  }

  /** A temporary trigger lives in this connection alone: the schema stays as it is deployed. */
  #notice(event: string, table: string, columns: string, see: (...values: unknown[]) => unknown): void {
    const name = `saw_${event}_${table}`;
    this.db.function(name, { varargs: true }, (...values) => {
      see(...values);
      return null;
    });
    this.db.exec(`CREATE TEMP TRIGGER t_${name} AFTER ${event} ON main.${table} BEGIN SELECT ${name}(${columns}); END`);
  }
}
