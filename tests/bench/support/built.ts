import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import type { Env } from '../../../core/context.ts';
import { type Loaded, loadFunctions } from '../../../emulator/functions.ts';
import { migrate } from '../../../emulator/migrate.ts';
import { openSqlite, SqlitePort } from '../../../emulator/sqlite.ts';

export const ADMIN = 'a-bootstrap-token-for-benchmarks';

/** What every measured process of ours is set to, beside the defaults. The rate limit is on, and high. */
export const SETTINGS = {
  BOOTSTRAP_ADMIN_TOKEN: ADMIN,
  RL_CAPACITY: '1000000000',
  RL_WINDOW_MS: '1000',
  DB_SYNCHRONOUS: 'normal',
  LOG_LEVEL: 'info',
};

export const tempFolder = (): string => mkdtempSync(join(tmpdir(), 'escapement-bench-'));

/** A database file of its own, opened as the emulator opens it and migrated. */
export function freshDatabase(root: string, folder: string): Sqlite.Database {
  const db = openSqlite(join(folder, 'jobs.db'), 'normal');
  migrate(db, join(root, 'migrations'));
  return db;
}

/** The built functions over a fresh file, called in this process. */
export class Built {
  readonly folder: string;
  readonly db: Sqlite.Database;
  readonly env: Env;
  readonly #functions: Map<string, Loaded>;

  private constructor(folder: string, db: Sqlite.Database, functions: Loaded[]) {
    this.folder = folder;
    this.db = db;
    this.env = { ...SETTINGS, DB: new SqlitePort(db), LOG: () => {} };
    this.#functions = new Map(functions.map((one) => [one.name, one]));
  }

  static async over(root: string, folder = tempFolder()): Promise<Built> {
    return new Built(folder, freshDatabase(root, folder), await loadFunctions(join(root, 'dist')));
  }

  /** Calls an endpoint; the text of a successful answer. */
  async call(name: string, path: string, body?: string, token = ADMIN): Promise<string> {
    return (await this.#fetch(name, path, body, token)).text();
  }

  async #fetch(name: string, path: string, body?: string, token = ADMIN): Promise<Response> {
    const headers = { 'x-user-auth': token, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const init = body === undefined ? { headers } : { method: 'POST', headers, body };
    const response = await this.#of(name).fetch(new Request(`http://bench${path}`, init), this.env);
    if (response.ok) return response;
    throw new Error(`${name} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
  }

  async tick(name: string): Promise<Record<string, number>> {
    return (await this.#of(name).scheduled?.({}, this.env)) ?? {};
  }

  /** Schedules `count` jobs that sleep 0 ms, 1,000 in a request. The answers are taken as bytes, not as text. */
  async enqueue(count: number, more: object = {}): Promise<void> {
    for (let left = count; left > 0; left -= 1000) {
      const body = batchBody(Math.min(1000, left), more);
      await (await this.#fetch('schedule-jobs', '/v1/jobs/batch', body)).arrayBuffer();
    }
  }

  close(): void {
    this.db.close();
    rmSync(this.folder, { recursive: true });
  }

  #of(name: string): Loaded {
    const found = this.#functions.get(name);
    if (!found) throw new Error(`dist/ has no function ${name}.`);
    return found;
  }
}

/** The body of POST /v1/jobs/batch with `count` jobs that sleep 0 ms. */
export const batchBody = (count: number, more: object = {}): string =>
  JSON.stringify({ jobs: Array.from({ length: count }, () => ({ task_type: 'sleep', payload: { ms: 0 }, ...more })) });

/** How many jobs are done and how many log rows there are. */
export const rowsWritten = (db: Sqlite.Database): [number, number] =>
  db.prepare("SELECT (SELECT count(*) FROM jobs WHERE status = 'done'), (SELECT count(*) FROM logs)").raw().get() as [
    number,
    number,
  ];
