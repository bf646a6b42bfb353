import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Sqlite from 'better-sqlite3';

// biome-ignore lint/suspicious/noExplicitAny: messages of a protocol, read as it says
type Message = any;

/**
 * A server that speaks SQL over HTTP as libSQL's does (Hrana 2, JSON: github.com/tursodatabase/libsql, docs/HRANA_2_SPEC.md),
 * over a SQLite file. Just enough of it for the client: execute, batch, sequence, stored texts and streams with batons.
 */
export class HranaServer {
  readonly url: string;
  /** What each request wants done, in order: `execute`, `batch`, … */
  readonly seen: string[] = [];
  /** Called with each request before it is answered; may say that the answer is lost, or never made. */
  fault: (done: () => void) => 'answer' | 'lose' = () => 'answer';
  readonly #server: http.Server;
  readonly #streams = new Map<string, Stream>();

  private constructor(server: http.Server, path: string, token: string) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', async (request, response) => {
      if (request.headers.authorization !== `Bearer ${token}`) return response.writeHead(401).end();
      if (request.url !== '/v2/pipeline') return response.writeHead(404).end();
      const { baton, requests } = JSON.parse(await text(request)) as Message;
      const stream = this.#streams.get(baton) ?? new Stream(path);
      this.#streams.delete(baton);
      let results: Message[] = [];
      const work = () => {
        results = requests.map((one: Message) => {
          this.seen.push(one.type);
          return stream.answer(one);
        });
      };
      if (this.fault(work) === 'lose') return request.socket.destroy();
      if (results.length === 0) work();
      const next = stream.open ? crypto.randomUUID() : null;
      if (next) this.#streams.set(next, stream);
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ baton: next, base_url: null, results }));
    });
  }

  static async start(path: string, token: string): Promise<HranaServer> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HranaServer(server, path, token);
  }

  async close(): Promise<void> {
    for (const stream of this.#streams.values()) stream.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** One connection, and the texts that were stored for it. */
class Stream {
  readonly #db: Sqlite.Database;
  readonly #texts = new Map<number, string>();

  constructor(path: string) {
    this.#db = new Sqlite(path, { timeout: 0 });
  }

  get open(): boolean {
    return this.#db.open;
  }

  close(): void {
    this.#db.close();
  }

  answer(request: Message): Message {
    try {
      return { type: 'ok', response: { type: request.type, ...this.#do(request) } };
    } catch (error) {
      return { type: 'error', error: wrong(error) };
    }
  }

  #do(request: Message): object {
    if (request.type === 'close') this.close();
    else if (request.type === 'store_sql') this.#texts.set(request.sql_id, request.sql);
    else if (request.type === 'close_sql') this.#texts.delete(request.sql_id);
    else if (request.type === 'sequence') this.#db.exec(this.#textOf(request));
    else if (request.type === 'execute') return { result: this.#run(request.stmt) };
    else if (request.type === 'batch') return { result: this.#batch(request.batch.steps) };
    else throw new Error(`${request.type} is not known here`);
    return {};
  }

  #batch(steps: Message[]): object {
    const step_results: Message[] = steps.map(() => null);
    const step_errors: Message[] = steps.map(() => null);
    const holds = (cond: Message): boolean => {
      if (cond.type === 'ok') return step_results[cond.step] !== null;
      if (cond.type === 'error') return step_errors[cond.step] !== null;
      if (cond.type === 'not') return !holds(cond.cond);
      return cond.type === 'and' ? cond.conds.every(holds) : cond.conds.some(holds);
    };
    for (const [i, { condition, stmt }] of steps.entries()) {
      if (condition && !holds(condition)) continue;
      try {
        step_results[i] = this.#run(stmt);
      } catch (error) {
        step_errors[i] = wrong(error);
      }
    }
    return { step_results, step_errors };
  }

  #run(stmt: Message): object {
    const statement = this.#db.prepare(this.#textOf(stmt));
    const values = (stmt.args ?? []).map(fromWire);
    const named =
      values.length > 0 ? [Object.fromEntries(values.map((value: unknown, i: number) => [i + 1, value]))] : [];
    if (!statement.reader) {
      const { changes } = statement.run(...named);
      return { cols: [], rows: [], affected_row_count: changes, last_insert_rowid: null };
    }
    const cols = statement.columns().map(({ name, type }) => ({ name, decltype: type }));
    const rows = statement
      .raw()
      .safeIntegers()
      .all(...named) as unknown[][];
    return { cols, rows: rows.map((row) => row.map(toWire)), affected_row_count: 0, last_insert_rowid: null };
  }

  #textOf = ({ sql, sql_id }: Message): string => sql ?? this.#texts.get(sql_id);
}

const fromWire = ({ type, value }: Message): unknown =>
  type === 'null' ? null : type === 'integer' ? BigInt(value) : value;

const toWire = (value: unknown): object => {
  if (value === null) return { type: 'null' };
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) };
  return typeof value === 'number' ? { type: 'float', value } : { type: 'text', value };
};

const wrong = (error: unknown): object => {
  const { message, code } = error as Error & { code?: string };
  return { message: `SQLite error: ${message}`, code: code?.replace(/^(SQLITE_[A-Z]+)_.*/, '$1') };
};
