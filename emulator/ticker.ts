import cron, { type ScheduledTask } from 'node-cron';
import { type Env, real, type Sources } from '../core/context.ts';
import { SettingError, type Settings, settingsTable } from '../core/settings.ts';
import { causeOf } from '../core/storage-fault.ts';
import type { Loaded } from './functions.ts';

/** Throws a SettingError for an expression that node-cron does not take; the core knows their outer shape only. */
export function refuseBadCrons(settings: Settings): void {
  for (const name of ['PROCESS_CRON', 'COORDINATE_CRON'] as const) {
    if (cron.validate(settings[name])) continue;
    throw new SettingError(name, JSON.stringify(settings[name]), settingsTable[name].allowed);
  }
}

const LATE_MS = 50;
const TELL_AGAIN_MS = 60_000;

/** The default schedule, which needs no calendar: node-cron asks Intl for the parts of a date at each beat. */
const EVERY_SECOND = '* * * * * *';

/** Runs ticks by their cron schedules, and on demand; at most one run of each is waiting to begin. */
export class Ticker {
  readonly #env: Env;
  readonly #sources: Sources;
  readonly #underWay = new Set<Promise<void>>();
  readonly #schedules: Pick<ScheduledTask, 'destroy'>[] = [];
  readonly #poked = new Set<string>();
  #ticks: readonly Loaded[];
  readonly #alarms = new Map<string, AbortController>();
  readonly #scheduled = new Set<string>();
  readonly #told = new Map<string, { cause: string; at: number }>();
  #stopped = false;

  constructor(env: Env, ticks: readonly Loaded[]) {
    this.#env = env;
    this.#sources = env.SOURCES ?? real;
    this.#ticks = ticks;
  }

  /** Swaps in newly built functions. */
  use(ticks: readonly Loaded[]): void {
    this.#ticks = ticks;
  }

  /** Runs this tick by its cron from now on. */
  schedule(name: string, expression: string): void {
    this.#scheduled.add(name);
    const run = () => this.poke(name);
    this.#schedules.push(expression === EVERY_SECOND ? everySecond(run) : cron.schedule(expression, run, { name }));
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
    for (const alarm of this.#alarms.values()) alarm.abort();
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
      if (!idle) this.#told.delete(name);
      this.#env.LOG?.(idle ? 'debug' : 'info', 'tick', { tick: name, ...counts, ms });
      if (next_at !== undefined) this.wakeAt(name, next_at);
    } catch (error) {
      this.#tell(name, causeOf(error));
    }
  }

  /** A fault that lasts is told once a minute, however often its tick runs. */
  #tell(name: string, cause: string): void {
    const told = this.#told.get(name);
    const again = told?.cause === cause && performance.now() - told.at < TELL_AGAIN_MS;
    if (!again) this.#told.set(name, { cause, at: performance.now() });
    this.#env.LOG?.(again ? 'debug' : 'error', 'tick failed', { tick: name, cause });
  }

  /** Runs a tick at a time in the next minute: the cron may be seconds away, and what falls due is started on time. */
  wakeAt(name: string, time: number): void {
    this.#alarms.get(name)?.abort();
    const now = this.#sources.now();
    // What fell due meanwhile is looked at again soon; not at once, as it may wait for something else.
    const wait = time > now ? time - now : LATE_MS;
    if (this.#stopped || wait > 60_000) return;
    const alarm = new AbortController();
    this.#alarms.set(name, alarm);
    // Timers may come a little early.
    void this.#sources.sleep(wait + 1, alarm.signal).then(() => alarm.signal.aborted || this.poke(name));
  }
}

/** Calls at each second of the clock. */
function everySecond(call: () => void): { destroy(): void } {
  let timer: NodeJS.Timeout;
  const plan = () => {
    const left = 1000 - (Date.now() % 1000);
    // Timers may come a little early: what is left then is of the second that this call is for.
    timer = setTimeout(beat, left < 100 ? left + 1000 : left);
  };
  const beat = () => {
    plan();
    call();
  };
  plan();
  return { destroy: () => clearTimeout(timer) };
}
