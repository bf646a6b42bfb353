import { Agent, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Settings } from '../../core/settings.ts';
import { loadFunctions } from '../../emulator/functions.ts';
import { listen } from '../../emulator/listen.ts';
import { makeRouter, type Routed } from '../../emulator/router.ts';
import { root } from '../support/build.ts';
import { during } from '../support/drive.ts';
import { ADMIN, System } from '../support/system.ts';
import type { Answered } from './judge.ts';
import { type Sent, targetOf } from './request.ts';
import type { Identity } from './steps.ts';

const built = await loadFunctions(join(root, 'dist'));

const settings = {
  ...{ JOB_TIMEOUT_MS: '3000', TICK_BUDGET_MS: '2000', DLQ_REDRIVE_AFTER_MS: '5000', RETENTION_DAYS: '1' },
  ...{ BACKOFF_MAX_MS: '10000', RL_CAPACITY: '1000000000', WEBHOOK_SECRET: `whsec_${'A'.repeat(40)}` },
};

/** A fresh system of built functions behind the real router, with users; `http` puts a real HTTP server in front. */
export class World {
  readonly system = new System(settings);
  readonly tokens: Record<Identity, string | null>;
  readonly ids: Partial<Record<Identity, string>> = {};
  readonly jobs: string[] = [];
  readonly users: string[] = [];
  readonly cursors: string[] = [];
  readonly news: string[] = [];
  readonly failures: string[] = [];
  readonly #router;
  readonly #agent = new Agent({ keepAlive: true });
  #written = 0;
  #server: Server | undefined;

  private constructor(functions: readonly Routed[]) {
    const { env, db } = this.system;
    this.tokens = { admin: ADMIN, ada: '', bob: '', disabled: '', nobody: null, unknown: 'nobody-has-this-token' };
    env.LOG = (level, message, data) => level === 'error' && this.failures.push(`${message} ${JSON.stringify(data)}`);
    let calls = 0;
    env.OUTBOUND = { fetch: async () => new Response('', { status: [200, 500, 404, 429][calls++ % 4] as number }) };
    this.#router = makeRouter(functions, env);
    db.function('written', () => void this.#written++);
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").pluck();
    for (const table of (names.all() as string[]).filter((name) => name !== 'rate_limits'))
      for (const act of ['INSERT', 'UPDATE', 'DELETE'])
        db.exec(`CREATE TEMP TRIGGER ${table}_${act} AFTER ${act} ON main.${table} BEGIN SELECT written(); END`);
  }

  /** `planted` functions take the places of the built ones of their names. */
  static async open({ http = false, planted = [] as readonly Routed[] } = {}): Promise<World> {
    const kept = built.filter(({ name }) => !planted.some((one) => one.name === name));
    const world = new World([...kept, ...planted]);
    for (const name of ['ada', 'bob', 'disabled'] as const) {
      const { id, token } = await world.system.user('user', name);
      world.tokens[name] = token;
      world.ids[name] = id;
      world.users.push(id);
    }
    await world.system.call('POST', `/v1/users/${world.ids.disabled}/disable`);
    if (http) {
      const where = { PORT: 0, HOST: '127.0.0.1' } as Settings;
      world.#server = await listen(
        where,
        () => {},
        (request, bindings) => world.#router.fetch(request, bindings),
      );
    }
    return world;
  }

  /** The answer to a request; throws where none comes within `patience` real milliseconds. */
  async send(sent: Sent, patience: number): Promise<Answered> {
    const before = this.#written;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came within ${patience / 1000} s`)), patience);
    });
    try {
      const answer = await Promise.race([late, this.#server ? this.#overHttp(sent) : this.#direct(sent)]);
      return { ...answer, written: this.#written !== before };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs a tick to its end, time passing as its handlers sleep. */
  async tick(name: string): Promise<void> {
    const found = built.find((one) => one.name === name);
    await this.#passing(found?.scheduled?.({}, this.system.env) as Promise<unknown>);
  }

  /** Lets time pass until `work` has ended. A job may sleep for a day, so steps grow. */
  #passing<T>(work: Promise<T>): Promise<T> {
    return during(this.system.clock, work, 500, 1.2);
  }

  async #direct(sent: Sent): Promise<Omit<Answered, 'written'>> {
    const { method, headers, body } = sent;
    const init = { method, headers, ...(body && !['GET', 'HEAD'].includes(method) && { body: body as BodyInit }) };
    const bindings = { incoming: { socket: { remoteAddress: '127.0.0.1' } } };
    const asked = this.#router.fetch(new Request(`http://test${targetOf(sent)}`, init), bindings as never);
    // A tick asked for over HTTP runs handlers that sleep.
    const response = await (sent.operation.secret ? this.#passing(Promise.resolve(asked)) : asked);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  async #overHttp(sent: Sent): Promise<Omit<Answered, 'written'>> {
    const { method, headers, body } = sent;
    const { port } = (this.#server as Server).address() as AddressInfo;
    const length = { 'content-length': String(body?.length ?? 0) };
    const asked = new Promise<Omit<Answered, 'written'>>((resolve, reject) => {
      const options = { port, host: '127.0.0.1', method, path: targetOf(sent), agent: this.#agent };
      const request = httpRequest({ ...options, headers: { ...headers, ...length } }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: new Headers(response.headers as never), text }),
        );
      });
      request.on('error', reject).end(body);
    });
    return sent.operation.secret ? this.#passing(asked) : asked;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
    this.system.close();
  }
}
