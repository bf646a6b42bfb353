import type { Statement } from '../core/database.ts';
import { type BoundStatement, SqlitePort } from './sqlite.ts';

type Results = { results: Record<string, unknown>[] }[];

interface Waiting {
  statements: Statement[];
  resolve(results: Results): void;
  reject(error: unknown): void;
}

/**
 * The port of a host that serves many requests at once: write batches of one turn of the event loop share a commit,
 * which costs more than what is in it. Each is still atomic by itself, and is answered after the commit.
 */
export class GroupingPort extends SqlitePort {
  #waiting: Waiting[] = [];

  override batch<Row = Record<string, unknown>>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    if (this.#isRead(statements)) return super.batch<Row>(statements);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statements, resolve: resolve as Waiting['resolve'], reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  /** A statement that does not compile is left to `batch` to refuse. */
  #isRead(statements: Statement[]): boolean {
    try {
      return statements.every((statement) => this.compile((statement as BoundStatement).sql).readonly);
    } catch {
      return true;
    }
  }

  async #commit(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    const [only] = group;
    if (only && group.length === 1) return super.batch(only.statements).then(only.resolve, only.reject);
    try {
      const all = () => group.map((one) => this.#attempt(one));
      for (const tell of await this.patiently(() => this.counting(() => this.transact.immediate(all)))) tell();
    } catch (error) {
      if (String((error as { code?: string }).code).startsWith('SQLITE_BUSY'))
        for (const { reject } of group) reject(error);
      // Nothing was stored; which of them a full disk or a damaged page is in the way of is found one by one.
      else for (const { statements, resolve, reject } of group) await super.batch(statements).then(resolve, reject);
    }
  }

  /** Does one batch under a savepoint of its own; what is to be told its caller once the group is committed. */
  #attempt({ statements, resolve, reject }: Waiting): () => void {
    try {
      const results = this.counting(() => this.transact(() => this.runAll(statements)));
      return () => resolve(results);
    } catch (error) {
      // A full disk, for one, ends the transaction whole.
      if (!this.db.inTransaction) throw error;
      return () => reject(error);
    }
  }
}
