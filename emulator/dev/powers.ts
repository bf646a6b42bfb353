import { randomUUID } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import type { Env, Fetcher, Logger } from '../../core/context.ts';
import { contextOf, toTimestamp } from '../../core/context.ts';
import type { Database } from '../../core/database.ts';
import { answerProblem } from '../../core/http/endpoint.ts';
import { Problem } from '../../core/http/problem.ts';
import type { TickCounts } from '../../core/http/tick.ts';
import { requestIdOf } from '../../core/ids.ts';
import type { Settings } from '../../core/settings.ts';
import { agenda } from '../../core/views/agenda.ts';
import type { Told } from '../deploy/between.ts';
import type { Loaded } from '../functions.ts';
import type { Answer, Hooks, Inside } from '../hooks.ts';
import { Between } from './between.ts';
import { Bins } from './bins.ts';
import { Clock } from './clock.ts';
import { Faults } from './faults.ts';
import { BIN, guard } from './guard.ts';
import { Mailbox } from './mailbox.ts';
import { RequestLog } from './requests.ts';
import { makeRoutes } from './routes.ts';
import { Workers } from './workers.ts';

/** What became of the last build. */
export interface Build {
  ok: boolean;
  error: string | null;
  at: string;
}

/** All that `npm run dev` can do to a running system; the hooks by which it takes hold of the host. */
export class Powers implements Hooks {
  readonly clock = new Clock();
  readonly faults = new Faults();
  readonly mailbox = new Mailbox(this.clock.now);
  readonly bins = new Bins(this.clock.now, () => this.origin);
  readonly requests = new RequestLog(this.clock.now);
  readonly settings: Record<string, string> = { CLOCK: 'host' };
  readonly sources = this.clock;
  crons = true;
  claiming = true;
  build: Build = { ok: true, error: null, at: toTimestamp(this.clock.now()) };
  origin = '';
  readonly #given: Settings;
  readonly #workers = new Workers(this.clock, this.faults, () => this.#mayClaim);
  readonly #ticks = new Map<string, Loaded>();
  readonly #waiting = new Set<string>();
  readonly #routes = makeRoutes(this);
  #byHand = 0;
  #inside: Inside | undefined;

  private constructor(given: Settings) {
    this.#given = given;
  }

  /** What may be set aside of the settings is: no mail server, and limits that a clock which stands would never lift. */
  static async make(given: Settings, log: Logger): Promise<Powers> {
    const powers = new Powers(given);
    if (!process.env.RL_CAPACITY) powers.settings.RL_CAPACITY = '1000000';
    // What the host itself needs to run a tick in a Worker; nobody else knows it.
    if (!given.TICK_SECRET) powers.settings.TICK_SECRET = randomUUID();
    if (!given.EMAIL_URL) await powers.mailbox.open(log);
    if (powers.mailbox.url) powers.settings.EMAIL_URL = powers.mailbox.url;
    return powers;
  }

  /** Begins to work on a host that has started. */
  attach(inside: Inside, url: string): void {
    this.#inside = inside;
    this.origin = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  }

  get inside(): Inside {
    if (!this.#inside) throw new Problem('database_unavailable', 'The emulator is starting.');
    return this.#inside;
  }

  get state() {
    const { now, ...clock } = this.clock.state;
    const { crons, claiming, build } = this;
    return { now: toTimestamp(now), ...clock, crons, claiming, runtime: this.inside.runtime, build };
  }

  /** With the crons off, what they began before begins nothing new either. */
  get #mayClaim(): boolean {
    return this.claiming && !this.clock.walking && (this.crons || this.#byHand > 0);
  }

  async agenda(limit: number) {
    const ctx = contextOf(this.inside.env);
    return { now: toTimestamp(ctx.now()), items: await agenda(ctx, limit) };
  }

  database(port: () => Database): Database {
    return new Between(port, async (_, call) => {
      // By the time of the world: it is the disk that is slow.
      if (this.faults.slow > 0) await new Promise((resolve) => setTimeout(resolve, this.faults.slow));
      return call();
    });
  }

  /** Bins are reached although they are here; whatever else is here stays out of reach. */
  outbound(guarded: Fetcher): Fetcher {
    return {
      fetch: (request, init) =>
        String(request).startsWith(this.origin + BIN) ? fetch(request, init) : guarded.fetch(request, init),
    };
  }

  functions(loaded: readonly Loaded[]): Loaded[] {
    for (const one of loaded) if (one.scheduled) this.#ticks.set(one.name, one);
    return loaded.map((one) =>
      one.scheduled ? { ...one, scheduled: async (_, env) => (this.crons ? this.#run(one, env) : { joined: 1 }) } : one,
    );
  }

  told(): Told {
    const { now, frozen, offset_ms } = this.clock.state;
    return {
      offset_ms,
      frozen_at: frozen ? now : null,
      skew_ms: this.faults.skew,
      slow_ms: this.faults.slow,
      claiming: this.claiming,
      failing: this.faults.items.some(({ kind }) => kind === 'fail'),
    };
  }

  takeFailure(task_type: string): string | undefined {
    return this.faults.take(task_type);
  }

  /** Runs a tick now, whether the crons are on or off; its counts. */
  async tick(name: string): Promise<TickCounts> {
    const tick = this.#ticks.get(name);
    if (!tick)
      throw new Problem(
        'not_found',
        `There is no tick of this name; there are ${[...this.#ticks.keys()].join(' and ')}.`,
      );
    this.#byHand += 1;
    try {
      return await (this.inside.tick ? this.inside.tick(name) : this.#run(tick, this.inside.env));
    } finally {
      this.#byHand -= 1;
    }
  }

  /** While the clock is moved no tick begins: what falls due meanwhile is done when it has arrived. */
  async #run(tick: Loaded, env: Env): Promise<TickCounts> {
    if (this.clock.walking) {
      if (this.#waiting.has(tick.name)) return { joined: 1 };
      this.#waiting.add(tick.name);
      await this.clock.still();
      this.#waiting.delete(tick.name);
    }
    const run = async (own: Env): Promise<TickCounts> => (await tick.scheduled?.({}, own)) ?? {};
    return tick.name === 'process-batch' ? this.#workers.run(run, env) : run(env);
  }

  /** Kills the worker: nothing it has in hand is written. */
  async kill(): Promise<void> {
    this.#workers.kill();
    await this.inside.kill?.();
  }

  /** Puts a file in the place of the database, or an empty one, when nothing runs over it any more. */
  async replaceDatabase(path?: string): Promise<void> {
    this.#workers.kill();
    await this.inside.replaceDatabase(path);
  }

  /** Tells the functions what has changed, and looks whether something is due now. */
  async changed(): Promise<void> {
    await this.inside.tell?.();
    if (this.crons && this.#ticks.has('coordinate')) await this.tick('coordinate');
    if (this.crons) this.inside.look();
  }

  async answer(request: Request, peer: HttpBindings, next: Answer): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith('/__emulator')) return this.requests.keep(request, next);
    try {
      await guard(request, peer, this.inside.env, this.#given.HOST);
      return await this.#routes.fetch(request, { next } as never);
    } catch (error) {
      return this.refuse(error);
    }
  }

  /** The answer for what went wrong in a route of the emulator. */
  refuse(error: unknown): Response {
    const { env } = this.inside;
    return answerProblem(error, env, requestIdOf(env));
  }

  /** A clock that stands would keep the host from ending what runs. */
  closing(): void {
    this.clock.resume();
    this.mailbox.close();
  }
}
