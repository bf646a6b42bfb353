import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Database, SqlValue, Statement } from '../core/database.ts';
import { asObjects } from './rows.ts';
import { refuseForeignValues } from './values.ts';

/** Time a writer waits for another one before the caller is told that the database is busy. */
const BUSY_WAIT_MS = 2000;
const MAX_SQL_BYTES = 100_000;
const MAX_CACHED = 500;

// Builds below it can lose commits when two connections reset the WAL at once.
const OLDEST_SQLITE = '3.51.3';

/** Thrown for a database this version cannot work with; the message is one line for people. */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
}

/** Opens the file for reading and writing, its folder made private if it is new, every pragma set and checked. */
export function openSqlite(path: string, synchronous: 'normal' | 'full'): Sqlite.Database {
  const db = open(path);
  const file = fileAt(path);
  try {
    requireVersion(db.prepare('SELECT sqlite_version()').pluck().get() as string);
    db.pragma('busy_timeout = 5000');
    set(db, 'journal_mode', 'wal');
    set(db, 'synchronous', synchronous === 'full' ? 2 : 1);
    set(db, 'foreign_keys', 1);
    set(db, 'journal_size_limit', 67_108_864);
    set(db, 'cache_size', -32_768);
    // A checkpoint syncs the disk: 16 MB of WAL between two of them, not 4.
    set(db, 'wal_autocheckpoint', 4000);
    // The port waits for other writers itself, without holding up the event loop.
    db.pragma('busy_timeout = 0');
    // Whoever waited above for a restore to end has the file that it put aside.
    if (fileAt(path) !== file) throw new DatabaseError(`${path} was replaced while it was opened; start again.`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function open(path: string): Sqlite.Database {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    createPrivate(path);
    return new Sqlite(path);
  } catch (error) {
    throw new DatabaseError(`DB_PATH is ${path}, which cannot be opened: ${(error as Error).message}.`);
  }
}

/** SQLite would make it readable for all; what it makes beside a database is as private as that. */
function createPrivate(path: string): void {
  if (path === ':memory:') return;
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

const fileAt = (path: string): bigint | undefined => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;

/** Throws for a build of SQLite that is too old to be trusted with a database. */
export function requireVersion(version: string): void {
  const order = new Intl.Collator('en', { numeric: true });
  if (order.compare(version, OLDEST_SQLITE) < 0)
    throw new DatabaseError(`This SQLite is ${version}; ${OLDEST_SQLITE} or newer is needed.`);
}

function set(db: Sqlite.Database, pragma: string, value: string | number): void {
  db.pragma(`${pragma} = ${value}`);
  const now = db.pragma(pragma, { simple: true });
  if (now !== value) throw new DatabaseError(`SQLite keeps ${pragma} at ${now} where ${value} is needed.`);
}

type Run = <Result>(work: () => Result) => Result;
type Transact = Run & { deferred: Run; immediate: Run };

/** The database port over better-sqlite3. It refuses what D1 refuses, so that nothing passes here and fails there. */
export class SqlitePort implements Database {
  readonly db: Sqlite.Database;
  /** Rows written through this port so far: when it has risen, this process has committed something. */
  changes = 0;
  /**
   * Runs work in a transaction or, within one, under a savepoint. Made once: to make such a function takes longer than
   * to begin and end what it runs in.
   */
  readonly transact: Transact;
  readonly #cache = new Map<string, Sqlite.Statement>();

  constructor(db: Sqlite.Database) {
    this.db = db;
    this.transact = db.transaction((work: () => unknown) => work()) as unknown as Transact;
  }

  prepare(sql: string): Statement {
    return new BoundStatement(this, sql, []);
  }

  async batch<Row = Record<string, unknown>>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    return this.patiently(() => {
      const readonly = (statements as BoundStatement[]).every(({ sql }) => this.compile(sql).readonly);
      const work = () => this.runAll<Row>(statements);
      return readonly ? this.transact.deferred(work) : this.counting(() => this.transact.immediate(work));
    });
  }

  /** Runs statements one after another, in whatever transaction there is. */
  runAll<Row = Record<string, unknown>>(statements: Statement[]): { results: Row[] }[] {
    return (statements as BoundStatement[]).map(({ sql, values }) => ({
      results: this.run<Row>(this.compile(sql), values),
    }));
  }

  /** Does work that changes everything or, where it throws, nothing. */
  counting<Result>(work: () => Result): Result {
    const before = this.changes;
    try {
      return work();
    } catch (error) {
      this.changes = before;
      throw error;
    }
  }

  compile(sql: string): Sqlite.Statement {
    let compiled = this.#cache.get(sql);
    if (!compiled) {
      refuseForeignSql(sql);
      if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
      compiled = this.db.prepare(sql);
      if (compiled.reader) compiled.raw();
      this.#cache.set(sql, compiled);
    }
    return compiled;
  }

  run<Row>(statement: Sqlite.Statement, values: readonly SqlValue[]): Row[] {
    // ?1, ?2 … are names to better-sqlite3.
    const named: Record<string, SqlValue> = {};
    for (let i = 0; i < values.length; i++) named[i + 1] = values[i] as SqlValue;
    const given = values.length > 0 ? [named] : [];
    const rows = statement.reader ? asObjects<Row>(statement, statement.all(...given) as SqlValue[][]) : [];
    if (!statement.reader) this.changes += statement.run(...given).changes;
    else if (!statement.readonly) this.changes += rows.length;
    return rows;
  }

  /** Runs `work`, again and again while another process writes, for BUSY_WAIT_MS at most. It changed nothing when it was busy. */
  async patiently<Result>(work: () => Result): Promise<Result> {
    const end = performance.now() + BUSY_WAIT_MS;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!String((error as { code?: string }).code).startsWith('SQLITE_BUSY') || performance.now() > end)
          throw error;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
}

/** A statement of this port with its values. */
export class BoundStatement implements Statement {
  readonly #port: SqlitePort;
  readonly sql: string;
  readonly values: readonly SqlValue[];

  constructor(port: SqlitePort, sql: string, values: readonly SqlValue[]) {
    this.#port = port;
    this.sql = sql;
    this.values = values;
  }

  bind(...values: SqlValue[]): Statement {
    refuseForeignValues(values);
    return new BoundStatement(this.#port, this.sql, values);
  }

  async all<Row = Record<string, unknown>>(): Promise<{ results: Row[] }> {
    return this.#port.patiently(() => ({ results: this.#port.run<Row>(this.#port.compile(this.sql), this.values) }));
  }

  async first<Row = Record<string, unknown>>(): Promise<Row | null> {
    return (await this.all<Row>()).results[0] ?? null;
  }
}

function refuseForeignSql(sql: string): void {
  if (
    /^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|PRAGMA|VACUUM)\b/i.test(sql) ||
    /\bsqlite_version\s*\(/i.test(sql)
  ) {
    throw new DatabaseError(`D1 does not take this statement: ${sql.trim().slice(0, 60)}`);
  }
  if (sql.length > MAX_SQL_BYTES) throw new DatabaseError(`D1 takes ${MAX_SQL_BYTES} bytes of SQL, not ${sql.length}.`);
}
