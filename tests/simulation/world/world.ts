import type { Breach, Law } from '../checks/laws.ts';
import { Observer } from '../checks/observer.ts';
import { People } from '../people/people.ts';
import { Chance, hash } from './chance.ts';
import { Faults } from './faults.ts';
import { Host, type Role } from './host.ts';
import { Injected } from './injected.ts';
import type { Plan } from './plan.ts';
import { type Owner, Points } from './points.ts';
import { Store } from './store.ts';

const START = 1_800_000_000_000;
const KEPT_NOTES = 60;

/** One run: a database, hosts, people, time and chance. Nothing in it comes from outside but the plan. */
export class World {
  readonly plan: Plan;
  readonly chance;
  readonly points = new Points();
  readonly faults: Faults;
  readonly store: Store;
  readonly observer: Observer;
  readonly people: People;
  readonly ground: Owner = { name: 'ground', alive: true, stalledUntil: 0 };
  hosts: Host[] = [];
  /** True time, which no host knows. */
  time = START;
  step = 0;
  readonly breaches: Breach[] = [];
  /** Of everything that happened: two runs of one seed are the same when these are. */
  trace = 0;
  /** What happened last, for whoever reads of a breach. */
  notes: string[] = [];
  #born = 0;
  readonly #listen: ((note: string) => void) | undefined;

  /** `listen` hears of everything that happens. */
  constructor(plan: Plan, listen?: (note: string) => void) {
    this.#listen = listen;
    const stream = (name: string) => new Chance(`${plan.seed} ${name}`);
    const names = ['moves', 'people', 'core', 'handlers', 'midway', 'hosts'] as const;
    this.plan = plan;
    this.chance = Object.fromEntries(names.map((name) => [name, stream(name)])) as Record<
      (typeof names)[number],
      Chance
    >;
    this.faults = new Faults(plan);
    this.store = new Store(() => this.time);
    this.observer = new Observer(this);
    this.people = new People(this);
    for (let i = 0; i < plan.workers; i++) this.bear('worker');
    for (let i = 0; i < plan.coordinators; i++) this.bear('coordinator');
  }

  /** Starts a host. */
  bear(role: Role): void {
    const skew = this.faults.has('skew') ? this.chance.hosts.between(-3000, 3000) : 0;
    if (skew !== 0) this.faults.inject('skew');
    this.#born += 1;
    const host = new Host(this, `${role}-${this.#born}`, role, skew);
    this.hosts.push(host);
  }

  /** Ends a host where it stands; one of its kind takes its place some time later. Never resolves: the caller is dead. */
  kill(host: Host): Promise<never> {
    if (host.alive) {
      host.alive = false;
      this.points.drop(host);
      this.hosts = this.hosts.filter((one) => one !== host);
      this.people.post.abandon(host);
      void this.#replace(host);
    }
    return new Promise(() => {});
  }

  async #replace({ role }: Host): Promise<void> {
    await this.points.park(this.ground, `a new ${role}`, this.time + this.chance.hosts.between(0, 3000));
    this.bear(role);
  }

  anyHost(role?: Role): Host | undefined {
    const fit = this.hosts.filter((host) => (role === undefined || host.role === role) && !host.stopper.signal.aborted);
    return fit.length > 0 ? this.chance.hosts.pick(fit) : undefined;
  }

  /** A tick may fail by what the run injected, and by nothing else. */
  tickFailed(name: string, error: unknown): void {
    if (!(error instanceof Injected)) this.breach('unforeseen', `${name} failed: ${(error as Error)?.stack ?? error}`);
  }

  breach = (law: Law, text: string): void => {
    this.note(`  BREACH of ${law}: ${text}`);
    this.breaches.push({ law, text });
  };

  note(text: string): void {
    this.trace = hash(text, this.trace);
    this.#listen?.(text);
    this.notes.push(text);
    if (this.notes.length > 2 * KEPT_NOTES) this.notes.splice(0, KEPT_NOTES);
  }
}
