import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { type Context, contextOf, type Env } from '../../core/context.ts';
import { matcherOf } from '../../core/http/route.ts';
import type { Job } from '../../core/lifecycle/job.ts';
import { migrate } from '../../emulator/migrate.ts';
import { openSqlite, SqlitePort } from '../../emulator/sqlite.ts';
import { endpoints } from '../../functions/index.ts';
import { root } from './build.ts';
import { TestClock } from './clock.ts';
import { breaches } from './invariants.ts';

export const ADMIN = 'a-bootstrap-token-for-tests';

/** The body of an answer: JSON as its value, a page as its text. */
export const readBody = (headers: Headers, text: string): Answer['json'] =>
  text !== '' && /json/.test(headers.get('content-type') ?? 'json') ? JSON.parse(text) : text;

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects
  json: any;
}

/** The functions over a fresh SQLite file, called in this process, with time and chance in the test's hands. */
export class System {
  readonly folder = mkdtempSync(join(tmpdir(), 'escapement-test-'));
  readonly clock = new TestClock();
  readonly db: Sqlite.Database;
  readonly env: Env;

  constructor(settings: Record<string, string> = {}) {
    this.db = openSqlite(join(this.folder, 'jobs.db'), 'normal');
    migrate(this.db, join(root, 'migrations'));
    this.env = this.newEnv(settings);
  }

  /** Another host's env over the same database: its own worker, as a second process would have. */
  newEnv(settings: Record<string, string> = {}, clock: TestClock = this.clock): Env {
    const generous = {
      RL_CAPACITY: '1000000',
      RL_WINDOW_MS: '1000',
      BOOTSTRAP_ADMIN_TOKEN: ADMIN,
      TICK_SECRET: 'tick-secret',
    };
    return { ...generous, LOG: () => {}, ...settings, DB: new SqlitePort(this.db), SOURCES: clock };
  }

  ctx(env: Env = this.env): Context {
    return contextOf(env);
  }

  /** Calls the endpoint that the router would choose. A string body is sent as it is. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    { token = ADMIN, headers = {} }: { token?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { pathname } = new URL(path, 'http://test');
    const found = [...endpoints]
      .sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')))
      .find((one) => one.method === method && matcherOf(one.path)(pathname));
    if (!found) throw new Error(`No endpoint takes ${method} ${path}.`);
    const request = new Request(new URL(path, 'http://test'), {
      method,
      headers: {
        ...(token && { 'x-user-auth': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const response = await found.fetch(request, this.env);
    return {
      status: response.status,
      headers: response.headers,
      json: readBody(response.headers, await response.text()),
    };
  }

  /** Schedules a job and expects it to be accepted. */
  async schedule(task_type: string, payload: object, more: object = {}, token: string = ADMIN): Promise<Job> {
    const answer = await this.call('POST', '/v1/jobs', { task_type, payload, ...more }, { token });
    if (answer.status !== 201) throw new Error(`not scheduled: ${JSON.stringify(answer.json)}`);
    return answer.json;
  }

  async user(role: 'admin' | 'user' = 'user', name = 'ada'): Promise<{ id: string; token: string }> {
    return (await this.call('POST', '/v1/users', { name, role })).json;
  }

  async job(id: string): Promise<Job> {
    return (await this.call('GET', `/v1/jobs/${id}`)).json;
  }

  /** The events in a job's log, oldest first. */
  events(id: string): string[] {
    const read = this.db.prepare(
      'SELECT event FROM logs WHERE job_seq = (SELECT seq FROM jobs WHERE id = ?) ORDER BY seq',
    );
    return read.pluck().all(id) as string[];
  }

  /** What the database holds that the design's invariants forbid; an empty list is what every test wants. */
  breaches(): string[] {
    return breaches(this.db);
  }

  close(): void {
    this.db.close();
    rmSync(this.folder, { recursive: true });
  }
}
