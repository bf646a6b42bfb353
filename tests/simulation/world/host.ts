import type { Env, Sources } from '../../../core/context.ts';
import type { Tick } from '../../../core/http/tick.ts';
import coordinate from '../../../functions/coordinate.ts';
import processBatch from '../../../functions/process-batch.ts';
import { outside } from './outside.ts';
import type { Owner } from './points.ts';
import { SimulatedPort } from './port.ts';
import type { World } from './world.ts';

export const ADMIN = 'the-token-of-the-bootstrap-admin';
const TICK_SECRET = 'the-secret-of-the-ticks';
const MAX_FLIGHT = 3;

export type Role = 'worker' | 'coordinator';
const tickOf: Record<Role, Tick> = { worker: processBatch, coordinator: coordinate };

/** A process that runs functions: with a clock and an env of its own, and a life that can end at any await. */
export class Host implements Owner {
  readonly name: string;
  readonly role: Role;
  readonly env: Env;
  readonly stopper = new AbortController();
  alive = true;
  stalledUntil = 0;
  /** How far its clock is ahead of the true time. */
  skew: number;
  /** The latest time that its clock has shown, and the earliest. */
  latest = 0;
  earliest = Number.POSITIVE_INFINITY;
  /** Ticks under way. */
  #flight = 0;
  readonly #world: World;
  readonly #port: SimulatedPort;

  constructor(world: World, name: string, role: Role, skew: number) {
    this.name = name;
    this.role = role;
    this.skew = skew;
    this.#world = world;
    this.#port = new SimulatedPort(world, this, 'tick');
    this.env = this.newEnv(this.#port);
    void this.#crons();
  }

  now = (): number => {
    const time = this.#world.time + this.skew;
    this.latest = Math.max(this.latest, time);
    this.earliest = Math.min(this.earliest, time);
    return time;
  };

  /** What a function is given here: settings, bindings, and the run's time and chance. */
  newEnv(port: SimulatedPort): Env {
    return {
      ...this.#world.plan.settings,
      BOOTSTRAP_ADMIN_TOKEN: ADMIN,
      TICK_SECRET,
      LOG: () => {},
      DB: port,
      SOURCES: this.#sources(),
      PROCESSOR: { fetch: (url, init) => this.#wake(new Request(url, init)) },
      OUTBOUND: outside(this.#world, this),
      STOPPING: this.stopper.signal,
    };
  }

  #sources(): Sources {
    const { points, chance } = this.#world;
    return {
      now: this.now,
      random: chance.core.fraction,
      bytes: chance.core.bytes,
      // A timer counts the time that passes, whatever the clock says.
      sleep: (ms, signal) => points.park(this, 'sleep', this.#world.time + ms, signal),
      turn: () => points.park(this, 'turn'),
    };
  }

  async #crons(): Promise<void> {
    for (;;) {
      await this.#world.points.park(this, 'cron', (Math.floor(this.#world.time / 1000) + 1) * 1000);
      if (this.stopper.signal.aborted) return;
      const tick = tickOf[this.role];
      this.#fly(tick, () => tick.scheduled({}, this.env));
    }
  }

  /** Calls a tick on some host over HTTP, as one function wakes another, and does not wait for it to end. */
  async #wake(request: Request): Promise<Response> {
    await this.#world.points.park(this, 'wake');
    const role = request.url.endsWith(coordinate.path) ? 'coordinator' : 'worker';
    if (!this.#world.faults.inject('lost-wake')) this.#world.anyHost(role)?.beWoken(tickOf[role], request);
    return new Response();
  }

  beWoken(tick: Tick, request: Request): void {
    this.#fly(tick, async () => {
      const response = await tick.fetch(request, this.env);
      if (response.ok) return response.json();
      if (![503, 507].includes(response.status) || !this.#port.harmed)
        this.#world.breach('answer', `${tick.name} was answered ${response.status} ${await response.text()}`);
      return {};
    });
  }

  /** Runs a tick as a strand of this host. What it throws must be a fault that the run injected. */
  #fly(tick: Tick, run: () => Promise<Record<string, number>>): void {
    if (this.#flight >= MAX_FLIGHT || !this.alive) return;
    this.#flight += 1;
    const ended = () => {
      this.#flight -= 1;
    };
    run()
      .then((counts) => this.#world.note(`  ${this.name} ${tick.name}: ${summaryOf(counts)}`))
      .catch((error) => this.#world.tickFailed(tick.name, error))
      .finally(ended);
  }
}

/** What a tick did, without what it did not. */
const summaryOf = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .filter(([name, n]) => n > 0 && name !== 'next_at')
    .map(([name, n]) => `${name} ${n}`)
    .join(', ') || 'nothing';
