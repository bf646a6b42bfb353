import type { Database } from './database.ts';
import { readSettings, type Settings } from './settings.ts';

/** Anything with `fetch`: a service binding, a guarded way out, or a plain object in a test. */
export interface Fetcher {
  fetch(request: Request | string, init?: RequestInit): Promise<Response>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Logger = (level: LogLevel, message: string, data?: Record<string, unknown>) => void;

/** Time and chance. Only this file calls the real ones; a test or a simulation passes its own as `env.SOURCES`. */
export interface Sources {
  /** Milliseconds since 1970. */
  now(): number;
  /** A fraction in [0, 1). */
  random(): number;
  /** `length` bytes from a secure source. */
  bytes(length: number): Uint8Array;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets everything that is already runnable run, input and output included. */
  turn(): Promise<void>;
}

/** What the host hands to every function: bindings, and settings as strings. */
export interface Env {
  DB: Database;
  PROCESSOR?: Fetcher;
  OUTBOUND?: Fetcher;
  SOURCES?: Sources;
  STOPPING?: AbortSignal;
  LOG?: Logger;
  /** Called before a handler runs; what it throws is that run's failure. For hosts that try out failures. */
  BEFORE_RUN?: (job: { task_type: string }) => void | Promise<void>;
  [setting: string]: unknown;
}

/**
 * What the host knows of one call. `client` is the address of the peer, where the host sees it; `requestId` is the id
 * under which the host logs the call. A function makes one where there is none.
 */
export interface Invocation {
  waitUntil?(work: Promise<unknown>): void;
  client?: string;
  requestId?: string;
}

/** Everything a function works with; made from `env` alone, so nothing outlives a call that correctness needs. */
export interface Context extends Sources {
  env: Env;
  db: Database;
  settings: Settings;
  log: Logger;
  client: string;
  waitUntil(work: Promise<unknown>): void;
}

const known = new WeakMap<Env, Settings>();

/** The context of one call. Throws a SettingError when a setting is bad, a plain Error when DB is missing. */
export function contextOf(env: Env, invocation: Invocation = {}): Context {
  let settings = known.get(env);
  if (!settings) {
    if (!env.DB) throw new Error('The binding DB is missing: every function needs a database.');
    settings = readSettings(env);
    known.set(env, settings);
  }
  return {
    ...(env.SOURCES ?? real),
    env,
    db: env.DB,
    settings,
    log: env.LOG ?? consoleLog,
    client: invocation.client ?? 'unknown',
    waitUntil: (work) => invocation.waitUntil?.(work),
  };
}

/** The platform's own clock and chance. */
export const real: Sources = {
  now: () => Date.now(),
  random: () => Math.random(),
  bytes: pooledBytes,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener('abort', end);
    }),
  turn: () =>
    new Promise((resolve) => {
      const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => void };
      if (setImmediate) setImmediate(resolve);
      else setTimeout(resolve, 0);
    }),
};

/** Where a function writes that has no host to log for it. */
export const consoleLog: Logger = (level, message, data) => console[level](JSON.stringify({ level, message, ...data }));

// Asking the platform for 16 bytes at a time takes longer than all else that a new id needs.
const pool = new Uint8Array(4096);
let poolUsed = pool.length;

function pooledBytes(length: number): Uint8Array {
  if (poolUsed + length > pool.length) {
    crypto.getRandomValues(pool);
    poolUsed = 0;
  }
  poolUsed += length;
  return pool.slice(poolUsed - length, poolUsed);
}

let last = { ms: Number.NaN, text: '' };
let before = last;

/** RFC 3339 in UTC, the form of every time on the wire; null stays null. */
export function toTimestamp(ms: number): string;
export function toTimestamp(ms: number | null): string | null;
export function toTimestamp(ms: number | null): string | null {
  if (ms === null) return null;
  // Times come in runs of the same one or two, as in a set that was scheduled at once.
  if (ms === before.ms) return before.text;
  if (ms !== last.ms) {
    before = last;
    last = { ms, text: new Date(ms).toISOString() };
  }
  return last.text;
}

/** Milliseconds since 1970 of an RFC 3339 time that a schema has accepted, or of an HTTP date; NaN for another text. */
export const fromTimestamp = (text: string): number => Date.parse(text);
