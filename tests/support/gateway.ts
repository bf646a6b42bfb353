import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kCurrentWorker, Miniflare } from 'miniflare';
import { migrateD1 } from '../../emulator/deploy/migrate-d1.ts';
import type { Manifest } from '../../emulator/manifest.ts';
import { waitSteadily } from '../../emulator/workerd/steady-wait.ts';
import { root } from './build.ts';
import { type Answers, judge, questions } from './invariants.ts';
import { ADMIN, type Answer, readBody } from './system.ts';

waitSteadily();

export const folder = join(root, 'dist/cloudflare');
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** What wrangler would deploy. */
export const wrangler = read(join(folder, 'wrangler.json'));
export const manifest = read(join(root, 'dist/manifest.json')) as Manifest;

const files = ['gateway.mjs', ...manifest.functions.map(({ file }) => file)];

export interface GatewayOptions {
  /** Settings, over those of wrangler.json; an empty text leaves one at its default. */
  settings?: Record<string, string>;
  /** Leaves out the settings of wrangler.json and the binding that wakes: ticks run when a test runs them. */
  plain?: boolean;
  /** Where D1 keeps its files, as wrangler lays them out; else it is in memory, and migrated. */
  d1?: string;
  database?: 'migrated' | 'empty' | 'none';
}

/** The gateway Worker as dist/cloudflare/wrangler.json describes it, in workerd. No cron runs by itself. */
export class Gateway {
  readonly mf: Miniflare;
  readonly url: URL;
  readonly console: { level: string; message: string }[];

  private constructor(mf: Miniflare, url: URL, lines: Gateway['console']) {
    this.mf = mf;
    this.url = url;
    this.console = lines;
  }

  static async start({ settings = {}, plain, d1, database = 'migrated' }: GatewayOptions = {}): Promise<Gateway> {
    const [{ database_id }] = wrangler.d1_databases;
    const lines: Gateway['console'] = [];
    const secrets = { TICK_SECRET: 'tick-secret', BOOTSTRAP_ADMIN_TOKEN: ADMIN };
    const mf = new Miniflare({
      modulesRoot: join(folder, 'worker'),
      modules: files.map((file) => ({ type: 'ESModule', path: join(folder, 'worker', file) })),
      compatibilityDate: wrangler.compatibility_date,
      compatibilityFlags: wrangler.compatibility_flags,
      bindings: { ...(!plain && wrangler.vars), ...secrets, RL_CAPACITY: '1000000', RL_WINDOW_MS: '1000', ...settings },
      ...(database !== 'none' && { d1Databases: { DB: database_id } }),
      ...(d1 && { d1Persist: d1 }),
      ...(!plain && { serviceBindings: { PROCESSOR: kCurrentWorker } }),
      handleStructuredLogs: (line: Gateway['console'][number]) => void lines.push(line),
    });
    const gateway = new Gateway(mf, await mf.ready, lines);
    if (!d1 && database === 'migrated') await migrateD1(await gateway.d1(), join(root, 'migrations'));
    return gateway;
  }

  d1(): Promise<Parameters<typeof migrateD1>[0]> {
    return this.mf.getD1Database('DB') as unknown as Promise<Parameters<typeof migrateD1>[0]>;
  }

  async sql<Row = Record<string, unknown>>(text: string, ...values: (string | number | null)[]): Promise<Row[]> {
    const statement = (await this.d1()).prepare(text);
    return (await (values.length > 0 ? statement.bind(...values) : statement).all<Row>()).results;
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    { token = ADMIN, headers = {} }: { token?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(token && { 'x-user-auth': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      json: readBody(response.headers as unknown as Headers, text),
    };
  }

  /** What the invariants forbid of what is in its database. */
  async breaches(): Promise<string[]> {
    const answers: Record<string, unknown[]> = {};
    for (const [name, sql] of Object.entries(questions)) answers[name] = await this.sql(sql);
    return judge(answers as Answers);
  }

  /** Fires a cron, as the platform does; how it ended. */
  async cron(expression = '* * * * *'): Promise<string> {
    const worker = (await this.mf.getWorker()) as unknown as {
      scheduled(event: { cron: string }): Promise<{ outcome: string }>;
    };
    return (await worker.scheduled({ cron: expression })).outcome;
  }

  close(): Promise<void> {
    return this.mf.dispose();
  }
}
