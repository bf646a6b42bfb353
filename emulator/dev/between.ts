import type { Database, SqlValue, Statement } from '../../core/database.ts';

/** A database behind another: `around` is given each call, with the texts of its statements. */
export class Between implements Database {
  readonly #inner: () => Database;
  readonly around: Around;

  constructor(inner: () => Database, around: Around) {
    this.#inner = inner;
    this.around = around;
  }

  prepare(sql: string): Statement {
    return new Passed(this, sql, []);
  }

  batch<Row = Record<string, unknown>>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    const passed = statements as Passed[];
    return this.around(
      passed.map(({ sql }) => sql),
      () => this.#inner().batch<Row>(passed.map((statement) => this.real(statement))),
    );
  }

  real({ sql, values }: Passed): Statement {
    const statement = this.#inner().prepare(sql);
    return values.length > 0 ? statement.bind(...values) : statement;
  }
}

export type Around = <Result>(sqls: readonly string[], call: () => Promise<Result>) => Promise<Result>;

class Passed implements Statement {
  readonly #database: Between;
  readonly sql: string;
  readonly values: readonly SqlValue[];

  constructor(database: Between, sql: string, values: readonly SqlValue[]) {
    this.#database = database;
    this.sql = sql;
    this.values = values;
  }

  bind(...values: SqlValue[]): Statement {
    return new Passed(this.#database, this.sql, values);
  }

  all<Row = Record<string, unknown>>(): Promise<{ results: Row[] }> {
    return this.#database.around([this.sql], () => this.#database.real(this).all<Row>());
  }

  first<Row = Record<string, unknown>>(): Promise<Row | null> {
    return this.#database.around([this.sql], () => this.#database.real(this).first<Row>());
  }
}
