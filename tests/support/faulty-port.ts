import type { Database, SqlValue, Statement } from '../../core/database.ts';

/** What happens to a call: it fails before it reached the database, or it took effect and its answer is lost. */
export type Fault = 'before' | 'after' | undefined;

/** A database whose calls (each all, first and batch) fail as `faultOf` says of their number; 0 is the first. */
export class FaultyPort implements Database {
  calls = 0;
  readonly #real: Database;
  readonly #faultOf: (call: number) => Fault;
  readonly #message: string;

  constructor(real: Database, faultOf: (call: number) => Fault, message = 'D1_ERROR: Network connection lost.') {
    this.#real = real;
    this.#faultOf = faultOf;
    this.#message = message;
  }

  prepare(sql: string): Statement {
    return new FaultyStatement(this, this.#real.prepare(sql));
  }

  batch<Row>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    return this.run(() => this.#real.batch<Row>(statements.map((statement) => (statement as FaultyStatement).real)));
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const fault = this.#faultOf(this.calls++);
    if (fault === 'before') throw new Error(this.#message);
    const result = await work();
    if (fault === 'after') throw new Error(this.#message);
    return result;
  }
}

class FaultyStatement implements Statement {
  readonly #port: FaultyPort;
  readonly real: Statement;

  constructor(port: FaultyPort, real: Statement) {
    this.#port = port;
    this.real = real;
  }

  bind(...values: SqlValue[]): Statement {
    return new FaultyStatement(this.#port, this.real.bind(...values));
  }

  all<Row>(): Promise<{ results: Row[] }> {
    return this.#port.run(() => this.real.all<Row>());
  }

  first<Row>(): Promise<Row | null> {
    return this.#port.run(() => this.real.first<Row>());
  }
}
