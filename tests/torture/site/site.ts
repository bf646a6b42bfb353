import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Chance } from '../../simulation/world/chance.ts';
import { pause, Server, tempFolder } from '../../support/server.ts';
import { ADMIN } from '../../support/system.ts';
import { audit } from '../checks/audit.ts';
import { Client } from '../people/client.ts';
import { Hooks } from '../people/hooks.ts';
import { Ledger } from '../people/ledger.ts';
import { type Figures, noAudit } from './figures.ts';
import { type Counts, Fleet } from './fleet.ts';

/** How much a scenario does. */
export interface Amount {
  seed: number;
  /** Time under faults; where it is left out, so many faults as make a short run. */
  minutes?: number;
  progress(text: string): void;
}

export interface Scenario {
  name: string;
  about: string;
  run(amount: Amount): Promise<Figures>;
}

// Short, so that leases end, retries fall due and second chances are given while the faults go on.
const SETTINGS = {
  ...{ LEASE_MS: '1500', BACKOFF_BASE_MS: '50', BACKOFF_MAX_MS: '400', PROCESS_CONCURRENCY: '20' },
  ...{ DLQ_REDRIVE_AFTER_MS: '1000', MAX_INTERRUPTIONS: '100' },
};
const CALM_WITHIN_MS = 120_000;
const UNSETTLED = `SELECT count(*) FROM jobs
  WHERE status IN ('pending', 'running', 'failed') OR (status = 'dlq' AND dlq_redrives = 0)`;

/** A system under torture: its processes, its people, and what is known of both. */
export class Site {
  readonly fleet: Fleet;
  readonly ledger = new Ledger();
  readonly hooks: Hooks;
  readonly more: Figures['more'] = {};
  readonly #name: string;
  readonly #amount: Amount;
  readonly #begin = performance.now();
  #clients: Client[] = [];
  #working: Promise<unknown> = Promise.resolve();
  #over = false;
  #recovery = 0;

  private constructor(name: string, amount: Amount, fleet: Fleet, hooks: Hooks) {
    this.#name = name;
    this.#amount = amount;
    this.fleet = fleet;
    this.hooks = hooks;
  }

  /** Starts so many of each part over a new database, in `folder` where it is named. */
  static async open(
    name: string,
    amount: Amount,
    counts: Counts,
    { folder = tempFolder(), settings = {} as Record<string, string> } = {},
  ): Promise<Site> {
    const fleet = new Fleet(folder, { ...SETTINGS, ...settings }, counts);
    const site = new Site(name, amount, fleet, await Hooks.open());
    await fleet.start();
    await site.#invite();
    return site;
  }

  get file(): string {
    return join(this.fleet.folder, 'jobs.db');
  }

  /** Chance for one purpose, from the seed. */
  chance = (purpose: string): Chance => new Chance(`${this.#amount.seed} ${this.#name} ${purpose}`);

  /** An admin and two users. */
  async #invite(): Promise<void> {
    const people = [{ owner: 'bootstrap', token: ADMIN }];
    for (const name of ['ada', 'ben']) {
      const response = await fetch(`${this.fleet.doors[0]?.url}/v1/users`, {
        method: 'POST',
        headers: { 'x-user-auth': ADMIN, 'content-type': 'application/json' },
        body: JSON.stringify({ name, role: 'user' }),
      });
      const { id, token } = (await response.json()) as { id: string; token: string };
      people.push({ owner: id, token });
    }
    const urls = () => this.fleet.doors.map(({ url }) => url);
    this.#clients = people.map(({ owner, token }, i) => {
      const { hooks, ledger } = this;
      return new Client({ owner, token, urls, receiver: hooks.url, ledger, chance: this.chance(`client ${i}`) });
    });
  }

  /** Lets the clients work until they are told to rest. */
  work(): void {
    this.#over = false;
    this.#working = Promise.all(this.#clients.map((client) => client.run(() => this.#over)));
  }

  async rest(): Promise<void> {
    this.#over = true;
    await this.#working;
  }

  /** Puts a backup in the place of the database, with the command for it; the processes are gone and clients rest. */
  async restore(backup: string): Promise<void> {
    const restored = await this.command('restore', backup);
    if ((await restored.exited) !== 0) throw new Error(`the backup was not restored: ${restored.output}`);
    for (const client of this.#clients) client.forget();
    this.ledger.rewind(new Set(this.read<{ id: string }>('SELECT id FROM jobs').map(({ id }) => id)));
  }

  /** Runs a script of package.json on the database, to its end. */
  command = (script: string, ...args: string[]): Promise<Server> =>
    Server.run({ script, args, folder: this.fleet.folder, bare: true });

  /** Waits until so many jobs are acknowledged. */
  acknowledged = (count: number): Promise<void> =>
    this.until(() => this.ledger.acknowledged.size >= count, `${count} jobs are acknowledged`);

  /** Answers so far that say that the database does not work. */
  get excuses(): number {
    return (this.ledger.answers[503] ?? 0) + (this.ledger.answers[507] ?? 0);
  }

  /** Waits for something; throws after two minutes. */
  async until(is: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + CALM_WITHIN_MS; !(await is()); await pause(20))
      if (Date.now() > end) throw new Error(`it never came to it that ${what}; ${this.#ofThe()}`);
  }

  #ofThe = (): string => [...this.fleet.deaths, ...this.fleet.refusals].join('; ') || 'all processes are there';

  /** Reads the database beside the processes that write it. */
  read<Row>(sql: string, ...values: unknown[]): Row[] {
    const db = new Sqlite(this.file, { readonly: true, timeout: 5000 });
    try {
      return db.prepare(sql).all(...values) as Row[];
    } finally {
      db.close();
    }
  }

  /** The faults are over: clients rest, what was never answered is asked for again, and every due job is waited for. */
  async settle(): Promise<void> {
    const begin = performance.now();
    await this.fleet.start();
    await this.rest();
    for (const client of this.#clients) await client.insist();
    await this.until(() => {
      const [row] = this.read<Record<string, number>>(UNSETTLED);
      return Object.values(row ?? {})[0] === 0;
    }, 'every job is settled');
    this.#recovery = performance.now() - begin;
  }

  /** Stops everything and accounts for it. `mayRefuse` says that starts were refused for a reason. */
  async close({ mayRefuse = false } = {}): Promise<Figures> {
    await this.fleet.stop();
    await this.hooks.close();
    return this.figures(audit(this.file, this.ledger, Number(SETTINGS.BACKOFF_MAX_MS), this.hooks), mayRefuse);
  }

  figures(found = noAudit, mayRefuse = false): Figures {
    const { fleet, ledger, more } = this;
    const { problems, ...counts } = found;
    return {
      scenario: this.#name,
      seconds: (performance.now() - this.#begin) / 1000,
      acknowledged: ledger.acknowledged.size,
      answers: ledger.answers,
      replays: ledger.replays,
      kills: fleet.kills,
      freezes: fleet.freezes,
      refused: fleet.refusals.length,
      recovery_ms: this.#recovery,
      ...counts,
      more,
      complaints: Object.fromEntries(fleet.complaints),
      problems: [...problems, ...ledger.problems, ...fleet.deaths, ...(mayRefuse ? [] : fleet.refusals)],
    };
  }
}
