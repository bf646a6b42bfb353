import type { HttpBindings } from '@hono/node-server';
import type { Env, Fetcher, Sources } from '../core/context.ts';
import type { Database } from '../core/database.ts';
import type { Told } from './deploy/between.ts';
import type { Loaded } from './functions.ts';

/** Where `npm run dev` takes hold of a host. `npm start` has none of it. */
export interface Hooks {
  /** Settings in the place of those of the process. */
  settings: Record<string, string>;
  sources: Sources;
  database(port: () => Database): Database;
  outbound(guarded: Fetcher): Fetcher;
  functions(loaded: readonly Loaded[]): Loaded[];
  answer(request: Request, peer: HttpBindings, next: Answer): Response | Promise<Response>;
  /** Whether ticks begin by themselves. */
  crons: boolean;
  /** What a Worker is told of all this. */
  told(): Told;
  /** Takes one of the failures that were asked for runs of this type; its error. */
  takeFailure(task_type: string): string | undefined;
  /** Called before the database is closed. */
  closing(): void;
}

export type Answer = (request: Request) => Response | Promise<Response>;

/** What the powers may do to a host that has started. */
export interface Inside {
  runtime: 'node' | 'workerd';
  env: Env;
  /** Takes these functions into use, where they run in this process. */
  use(functions: readonly Loaded[]): void;
  /** Looks whether something is due, as after a commit. */
  look(): void;
  /** Writes a consistent copy of the database to a file that does not exist yet. */
  copyDatabase(path: string): Promise<void>;
  /** Puts this file, which the host may take, in the place of the database; without one, an empty database. */
  replaceDatabase(path?: string): Promise<void>;
  /** Tells the functions, where they run in another process, what the powers are set to now. */
  tell?(): Promise<void>;
  /** Ends whatever runs in that process at once. */
  kill?(): Promise<void>;
  /** Runs a tick in that process; its counts. */
  tick?(name: string): Promise<Record<string, number>>;
}
