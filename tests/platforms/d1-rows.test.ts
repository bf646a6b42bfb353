import { join } from 'node:path';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Env, real } from '../../core/context.ts';
import type { Database, Statement } from '../../core/database.ts';
import { migrateD1 } from '../../emulator/deploy/migrate-d1.ts';
import { waitSteadily } from '../../emulator/workerd/steady-wait.ts';
import coordinate from '../../functions/coordinate.ts';
import createUser from '../../functions/create-user.ts';
import processBatch from '../../functions/process-batch.ts';
import scheduleJob from '../../functions/schedule-job.ts';
import scheduleJobs from '../../functions/schedule-jobs.ts';
import { root } from '../support/build.ts';
import { readText, section } from '../support/markdown.ts';
import { ADMIN } from '../support/system.ts';

waitSteadily();

/** What D1 says of a result: what it is billed by. */
interface Billed {
  results: never[];
  meta: { rows_read: number; rows_written: number };
}

const cost = { read: 0, written: 0 };

function billed(result: Billed): Billed {
  cost.read += result.meta.rows_read;
  cost.written += result.meta.rows_written;
  return result;
}

/** A statement of D1 that adds up what it costs. */
class Counted implements Statement {
  readonly inner: Statement;

  constructor(inner: Statement) {
    this.inner = inner;
  }

  bind = (...values: Parameters<Statement['bind']>): Statement => new Counted(this.inner.bind(...values));
  all = async <Row>() => billed((await this.inner.all()) as Billed) as { results: Row[] };
  first = async <Row>() => ((await this.all<Row>()).results[0] ?? null) as Row | null;
}

let mf: Miniflare;
/** Time passes when the test says so: a minute that ends brings a snapshot, whose cost is a step of its own. */
let now = Date.now();
let env: Env;
let token: string;
/** What the functions logged. */
const said: unknown[] = [];

beforeAll(async () => {
  mf = new Miniflare({ modules: true, script: 'export default {}', d1Databases: ['DB'] });
  const d1 = (await mf.getD1Database('DB')) as unknown as Database;
  await migrateD1(d1, join(root, 'migrations'));
  const DB: Database = {
    prepare: (sql) => new Counted(d1.prepare(sql)),
    batch: async <Row>(statements: Statement[]) => {
      const results = await d1.batch(statements.map((statement) => (statement as Counted).inner));
      return (results as Billed[]).map(billed) as { results: Row[] }[];
    },
  };
  env = {
    DB,
    BOOTSTRAP_ADMIN_TOKEN: ADMIN,
    RL_CAPACITY: '1000000',
    RL_WINDOW_MS: '1000',
    RETENTION_DAYS: '1',
    SOURCES: { ...real, now: () => now },
    LOG: (_level, message, data) => void said.push({ message, ...data }),
  };
  token = ((await post(createUser, '/v1/users', { name: 'ada', role: 'user' }, ADMIN)) as { token: string }).token;
  await post(scheduleJob, '/v1/jobs', job);
  await ticks();
});
afterAll(() => mf.dispose());

const job = { task_type: 'sleep', payload: { ms: 0 } };

async function post(endpoint: typeof scheduleJob, path: string, body: unknown, as = token): Promise<unknown> {
  const headers = { 'x-user-auth': as, 'content-type': 'application/json' };
  const request = new Request(`http://test${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const response = await endpoint.fetch(request, env);
  expect(response.status, JSON.stringify(said)).toBe(201);
  return response.json();
}

async function ticks(): Promise<void> {
  await processBatch.scheduled({}, env);
  await coordinate.scheduled({}, env);
}

/** Rows read and written by `work`, for each of `n` jobs. */
async function costOf(n: number, work: () => Promise<unknown>): Promise<[number, number]> {
  Object.assign(cost, { read: 0, written: 0 });
  await work();
  return [Math.round(cost.read / n), Math.round(cost.written / n)];
}

test('docs/deploy.md says what D1 would bill for a job, step by step', async () => {
  const measured = {
    'idle: process-batch, once': await costOf(1, () => processBatch.scheduled({}, env)),
    'idle: coordinate, once': await costOf(1, () => coordinate.scheduled({}, env)),
    'schedule, a job a request': await costOf(50, async () => {
      for (let i = 0; i < 50; i++) await post(scheduleJob, '/v1/jobs', job);
    }),
    'schedule, 1,000 jobs a request': await costOf(1000, () =>
      post(scheduleJobs, '/v1/jobs/batch', { jobs: Array(1000).fill(job) }),
    ),
    'run, in large sets': await costOf(1050, () => processBatch.scheduled({}, env)),
    'count for the report, in large sets': await costOf(1050, () => coordinate.scheduled({}, env)),
    'run, a job alone': await costOf(1, async () => {
      await post(scheduleJob, '/v1/jobs', job);
      Object.assign(cost, { read: 0, written: 0 });
      await processBatch.scheduled({}, env);
    }),
    'count for the report, a job alone': await costOf(1, () => coordinate.scheduled({}, env)),
    'idle: coordinate, with its snapshot': await costOf(1, async () => {
      now += 60_000;
      await coordinate.scheduled({}, env);
      now += 60_000;
      Object.assign(cost, { read: 0, written: 0 });
      await coordinate.scheduled({}, env);
    }),
    'prune, after RETENTION_DAYS': await costOf(1052, async () => {
      await env.DB.prepare('UPDATE jobs SET finished_at = finished_at - 2 * 86400000').all();
      Object.assign(cost, { read: 0, written: 0 });
      await coordinate.scheduled({}, env);
    }),
  };
  const table = section(readText('docs/deploy.md'), '### What a job costs on D1');
  const rows = [...table.matchAll(/^\| (.+?) +\| +(\d+) +\| +(\d+) +\|$/gm)];
  const documented = new Map(rows.map(([, step, read, written]) => [step, [Number(read), Number(written)] as const]));
  expect([...documented.keys()].sort()).toEqual(Object.keys(measured).sort());
  for (const [step, [read, written]] of Object.entries(measured)) {
    const [saidRead = 0, saidWritten] = documented.get(step) ?? [];
    expect(written, step).toBe(saidWritten);
    // How many rows a search reads depends a little on how full the pages are.
    expect(Math.abs(read - saidRead), `${step}: ${read} read`).toBeLessThanOrEqual(2 + saidRead * 0.15);
  }
});
