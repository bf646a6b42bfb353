import type { LogLevel } from './context.ts';
import type { Database } from './database.ts';
import type { Settings } from './settings.ts';
import type { Schema } from './validate.ts';

/** What a handler is given of its job. `attempt` is 1 for the first run since it was scheduled or redriven. */
export interface TaskJob<Payload> {
  id: string;
  owner_id: string;
  task_type: string;
  payload: Payload;
  attempt: number;
}

/** What a handler may use. `signal` aborts on timeout, cancel, a lost lease and shutdown. */
export interface TaskContext {
  db: Database;
  workerId: string;
  settings: Settings;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms`, or at once on abort. */
  sleep(ms: number): Promise<void>;
  /** The guarded way out: refuses private addresses where the host does. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
  /** Writes a log row in the job's name. */
  persistLog(level: LogLevel, message: string, data?: unknown): Promise<void>;
}

export interface Task<Payload = unknown> {
  type: string;
  summary: string;
  payload: Schema<Payload>;
  example: Payload;
  run(job: TaskJob<Payload>, ctx: TaskContext): unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: a list of tasks holds tasks of every payload
export type AnyTask = Task<any>;

/** Defines a task type. Throws at load for a name that could not be used in a URL or a report. */
export function task<Payload>(definition: Task<Payload>): AnyTask {
  if (!/^[A-Za-z][\w.-]{0,63}$/.test(definition.type)) {
    throw new Error(`A task type is a letter and up to 63 letters, digits, '_', '.' or '-'; not "${definition.type}".`);
  }
  return definition;
}

/** Thrown by a handler for what no retry can mend: the job goes to the dead-letter queue. */
export class PermanentError extends Error {
  override name = 'PermanentError';
}

/** Thrown by a handler that failed and was told to wait at least `ms` before the next attempt. */
export class RetryAfter extends Error {
  override name = 'RetryAfter';
  readonly ms: number;

  constructor(ms: number, message: string) {
    super(message);
    this.ms = ms;
  }
}

/** Thrown by a handler that did not fail, but wants to be run again in `ms`: no retry is charged. */
export class RetryLater extends Error {
  override name = 'RetryLater';
  readonly ms: number;

  constructor(ms: number, message = `The handler asked to be run again in ${ms} ms.`) {
    super(message);
    this.ms = ms;
  }
}
