import type { Database, SqlValue, Statement } from '../../../core/database.ts';
import type { Host } from './host.ts';
import type { World } from './world.ts';

const BROKEN = 'SELECT broken()';
const writes = (sql: string): boolean => /^\s*(INSERT|UPDATE|DELETE)/.test(sql);

/** What a call does, for whoever reads the trace: its first statement, and how many follow. */
function nameOf([first, ...more]: readonly { sql: string }[]): string {
  const [verb] = /\w+/.exec(first?.sql ?? '') ?? [];
  const [, table = ''] = /(?:INTO|FROM|UPDATE)\s+(\w+)/.exec(first?.sql ?? '') ?? [];
  return `${verb} ${table}${more.length > 0 ? ` and ${more.length} more` : ''}`;
}

/**
 * The database as one host, or one request, reaches it. Each call waits for its turn, may meet a fault, and where it
 * took effect is checked at once; others may act before its answer arrives.
 */
export class SimulatedPort implements Database {
  /** Whether a call here met a fault: only then may a request be answered 503. */
  harmed = false;
  /** Whether a call here has changed a job. */
  changed = false;
  readonly #world: World;
  readonly #host: Host;
  readonly #kind: 'tick' | 'request';

  constructor(world: World, host: Host, kind: 'tick' | 'request') {
    this.#world = world;
    this.#host = host;
    this.#kind = kind;
  }

  prepare(sql: string): Statement {
    return new SimulatedStatement(this, this.#world.store.port.prepare(sql), sql);
  }

  batch<Row>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    const list = statements as SimulatedStatement[];
    return this.call(list, () => this.#world.store.port.batch<Row>(list.map(({ real }) => real)));
  }

  async call<Result>(statements: readonly SimulatedStatement[], work: () => Promise<Result>): Promise<Result> {
    const { points, faults } = this.#world;
    await points.park(this.#host, `${this.#kind} calls ${nameOf(statements)}`);
    const writing = statements.some(({ sql }) => writes(sql));
    const fault = faults.ofCall(this.#world.time, writing);
    if (fault) this.harmed = true;
    if (fault) this.#world.note(`  ${fault}`);
    if (fault === 'death') return this.#world.kill(this.#host);
    if (fault === 'fail-midway' || fault === 'full') await this.#failMidway(statements);
    if (fault && fault !== 'death-after-commit' && fault !== 'lost-answer') throw faults.error(fault);
    const result = await this.#real(work);
    if (fault === 'death-after-commit') return this.#world.kill(this.#host);
    if (fault === 'lost-answer') throw faults.error(fault);
    if (faults.delays()) await points.park(this.#host, `${this.#kind} hears`);
    return result;
  }

  async #real<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.#world.breach('unforeseen', `The database refused a statement: ${error}`);
      throw error;
    } finally {
      if (await this.#world.observer.observe(this.#host)) this.changed = true;
    }
  }

  /** Runs some of the statements for real, and then one that fails: what SQLite rolls back is checked, too. */
  async #failMidway(statements: readonly SimulatedStatement[]): Promise<void> {
    const { port } = this.#world.store;
    const ran = statements.slice(0, this.#world.chance.midway.between(1, statements.length));
    await port.batch([...ran.map(({ real }) => real), port.prepare(BROKEN)]).catch(() => {});
    await this.#world.observer.observe(this.#host);
  }
}

class SimulatedStatement implements Statement {
  readonly #port: SimulatedPort;
  readonly real: Statement;
  readonly sql: string;

  constructor(port: SimulatedPort, real: Statement, sql: string) {
    this.#port = port;
    this.real = real;
    this.sql = sql;
  }

  bind(...values: SqlValue[]): Statement {
    return new SimulatedStatement(this.#port, this.real.bind(...values), this.sql);
  }

  all<Row>(): Promise<{ results: Row[] }> {
    return this.#port.call([this], () => this.real.all<Row>());
  }

  first<Row>(): Promise<Row | null> {
    return this.#port.call([this], () => this.real.first<Row>());
  }
}
