import cron, { type ScheduledTask } from 'node-cron';
import type { Env } from '../core/context.ts';
import type { Loaded } from './functions.ts';

/** Runs ticks by their cron schedules, and on demand; at most one run of each is waiting to begin. */
export class Ticker {
  readonly #env: Env;
  readonly #underWay = new Set<Promise<void>>();
  readonly #schedules: ScheduledTask[] = [];
  readonly #poked = new Set<string>();
  #ticks: readonly Loaded[];
  readonly #alarms = new Map<string, NodeJS.Timeout>();
  readonly #scheduled = new Set<string>();
  #stopped = false;

  constructor(env: Env, ticks: readonly Loaded[]) {
    this.#env = env;
    this.#ticks = ticks;
  }

  /** Swaps in newly built functions. */
  use(ticks: readonly Loaded[]): void {
    this.#ticks = ticks;
  }

  /** Starts the cron of each named tick. Throws for an expression that node-cron does not take. */
  schedule(name: string, expression: string): void {
    if (!cron.validate(expression)) throw new Error(`${expression} is not a cron expression.`);
    this.#scheduled.add(name);
    this.#schedules.push(cron.schedule(expression, () => this.poke(name), { name }));
  }

  /** Runs a tick soon, where this process runs it at all. Calls that come before it begins are one call. */
  poke(name: string): void {
    if (this.#stopped || !this.#scheduled.has(name) || this.#poked.has(name)) return;
    this.#poked.add(name);
    setImmediate(() => {
      this.#poked.delete(name);
      const run = this.#run(name).finally(() => this.#underWay.delete(run));
      this.#underWay.add(run);
    });
  }

  /** Lets no tick begin any more, and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const alarm of this.#alarms.values()) clearTimeout(alarm);
    await Promise.all(this.#schedules.map((task) => task.destroy()));
    await Promise.all(this.#underWay);
  }

  async #run(name: string): Promise<void> {
    const tick = this.#ticks.find((one) => one.name === name);
    if (!tick?.scheduled || this.#stopped) return;
    const start = performance.now();
    try {
      const { next_at, joined, ...counts } = await tick.scheduled({}, this.#env);
      if (joined) return;
      const ms = Math.round((performance.now() - start) * 100) / 100;
      const idle = Object.values(counts).every((n) => n === 0);
      this.#env.LOG?.(idle ? 'debug' : 'info', 'tick', { tick: name, ...counts, ms });
      if (next_at !== undefined) this.#wakeAt(name, next_at);
    } catch (error) {
      this.#env.LOG?.('error', 'tick failed', { tick: name, cause: String((error as Error)?.stack ?? error) });
    }
  }

  /** The cron may be seconds away: a job that falls due before it is started on time. */
  #wakeAt(name: string, time: number): void {
    clearTimeout(this.#alarms.get(name));
    const wait = time - Date.now();
    // What is due already and was left alone has a reason to wait for the cron.
    if (this.#stopped || wait <= 0 || wait > 60_000) return;
    const alarm = setTimeout(() => this.poke(name), wait);
    this.#alarms.set(name, alarm);
  }
}
