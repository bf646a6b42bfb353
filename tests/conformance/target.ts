import type { Answer } from '../support/system.ts';

/** The built functions over one kind of database, on the runtime where it is used. Nothing runs by itself. */
export interface Target {
  name: string;
  call(
    method: string,
    path: string,
    body?: unknown,
    options?: { token?: string | null; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Runs a tick in an invocation of its own; its counts. */
  tick(name: string): Promise<Record<string, number>>;
  /** Asks the database; times are aged this way, instead of waited for. */
  sql<Row = Record<string, unknown>>(text: string, ...values: (string | number | null)[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Makes a target on a fresh, migrated database. */
export type TargetFactory = (settings: Record<string, string>) => Promise<Target>;
