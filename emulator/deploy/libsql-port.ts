import type { Client, InStatement } from '@libsql/client';
import { createClient } from '@libsql/client/http';
import type { Database, SqlValue, Statement } from '../../core/database.ts';
import { refuseForeignValues } from '../values.ts';

/** Time a writer waits for another one before the caller is told that the database is busy. */
const BUSY_WAIT_MS = 2000;
const BUSY_PAUSE_MS = 20;

/**
 * The client for a URL: `libsql:` and `https:` (and `http:` on this machine) speak SQL over HTTP; a `file:` is
 * opened by the native library, which is not part of the bundles. Throws for any other URL.
 */
export async function openClient(url: string, authToken?: string): Promise<Client> {
  // The client would quote it in its errors.
  if (/^[^/?#]*\/\/[^/?#]*@/.test(url))
    throw new Error('The URL of a libSQL database may not hold a user or a password; its token is LIBSQL_AUTH_TOKEN.');
  if (!url.startsWith('file:')) return createClient({ url, ...(authToken && { authToken }) });
  const native = await import('@libsql/client/sqlite3');
  return native.createClient({ url });
}

/** The database port over libSQL. The client is opened at the first query, so that a bad URL is one clear problem. */
export class LibsqlPort implements Database {
  readonly #open: () => Promise<Client>;
  #client: Promise<Client> | undefined;

  constructor(open: () => Promise<Client>) {
    this.#open = open;
  }

  prepare(sql: string): Statement {
    return new BoundStatement(this, sql, []);
  }

  async batch<Row = Record<string, unknown>>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    const bound = statements as BoundStatement[];
    // A batch of reads needs one snapshot, not the write lock.
    const mode = bound.every(({ sql }) => onlyReads(sql)) ? 'deferred' : 'write';
    const sets = await this.run((client) => client.batch(bound.map(toInStatement), mode));
    return sets.map(({ rows }) => ({ results: rows as unknown as Row[] }));
  }

  /** Runs `work`, again and again while another writer holds the lock, for BUSY_WAIT_MS at most: it changed nothing then. */
  async run<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const end = performance.now() + BUSY_WAIT_MS;
    for (;;) {
      try {
        this.#client ??= this.#open();
        return await work(await this.#client);
      } catch (error) {
        if (!/SQLITE_BUSY|database is locked/.test(String(error))) throw faultOf(error);
        // The native library does not end a statement that was refused: its connection could commit nothing any more.
        const client = await this.#client;
        if (client?.protocol === 'file') await client.reconnect();
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
      }
    }
  }
}

class BoundStatement implements Statement {
  readonly #port: LibsqlPort;
  readonly sql: string;
  readonly values: readonly SqlValue[];

  constructor(port: LibsqlPort, sql: string, values: readonly SqlValue[]) {
    this.#port = port;
    this.sql = sql;
    this.values = values;
  }

  bind(...values: SqlValue[]): Statement {
    refuseForeignValues(values);
    return new BoundStatement(this.#port, this.sql, values);
  }

  async all<Row = Record<string, unknown>>(): Promise<{ results: Row[] }> {
    const { rows } = await this.#port.run((client) => client.execute(toInStatement(this)));
    return { results: rows as unknown as Row[] };
  }

  async first<Row = Record<string, unknown>>(): Promise<Row | null> {
    return (await this.all<Row>()).results[0] ?? null;
  }
}

const toInStatement = ({ sql, values }: BoundStatement): InStatement => ({ sql, args: [...values] });

const onlyReads = (sql: string): boolean =>
  /^\s*(SELECT|WITH)\b/i.test(sql) && !/\b(INSERT|UPDATE|DELETE|REPLACE)\b/i.test(sql);

/** What SQLite says stays as it is; any other fault is one of the way to the database, and says so. */
export const faultOf = (error: unknown): unknown => {
  const text = String(error instanceof Error ? error.message : error);
  if (/SQLITE_/.test(text) || error instanceof RangeError) return error;
  return new Error(`The database is not answering: ${text}`, { cause: error });
};
