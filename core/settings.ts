/** One setting: its default as written in `sample.env`, what it means, and how its text becomes a value. */
export interface Setting<Value> {
  initial: string;
  meaning: string;
  allowed: string;
  /** The value, or undefined where the text is not allowed. */
  read(text: string): Value | undefined;
}

/** Thrown for a bad value; the message names the variable, what it holds and what it may hold. */
export class SettingError extends Error {
  override name = 'SettingError';
  readonly setting: string;

  constructor(setting: string, holds: string, allowed: string) {
    super(`${setting} is ${holds}; it may be ${allowed}.`);
    this.setting = setting;
  }
}

const integer = (initial: number, min: number, max: number, meaning: string): Setting<number> => ({
  initial: String(initial),
  meaning,
  allowed: `a whole number from ${min} to ${max}`,
  read: (text) => (/^\d{1,15}$/.test(text) && +text >= min && +text <= max ? +text : undefined),
});

const choice = <const Word extends string>(
  words: readonly Word[],
  initial: NoInfer<Word>,
  meaning: string,
): Setting<Word> => ({
  initial,
  meaning,
  allowed: words.join(' or '),
  read: (text) => words.find((word) => word === text),
});

const flag = (initial: boolean, meaning: string): Setting<boolean> => {
  const words = choice(['true', 'false'], initial ? 'true' : 'false', meaning);
  return { ...words, read: (text) => (words.read(text) ? text === 'true' : undefined) };
};

const text = (initial: string, shape: RegExp, allowed: string, meaning: string): Setting<string> => ({
  initial,
  meaning,
  allowed,
  read: (value) => (shape.test(value) ? value : undefined),
});

const secret = /^([\x21-\x7e]{8,256})?$/;
const cron = /^(\S+ ){4,5}\S+$/;
const day = 86_400_000;

/** Every setting there is, in the order of `sample.env`. */
export const settingsTable = {
  PORT: integer(8000, 0, 65535, 'port of the HTTP API; 0 takes a free one'),
  HOST: text('127.0.0.1', /^\S+$/, 'an address or a host name', 'address the HTTP API listens on'),
  DB_PATH: text('./data/jobs.db', /./, 'a path', 'the SQLite file; its folder is made when missing'),
  DB_SYNCHRONOUS: choice(
    ['normal', 'full'],
    'normal',
    'normal: survives a crash of the process; full: of the power, too, and slower',
  ),
  MIGRATE_ON_START: flag(true, 'apply pending migrations at start'),
  RL_CAPACITY: integer(60, 1, 1e9, 'rate limit: requests a user may make at once'),
  RL_WINDOW_MS: integer(60_000, 1, day, 'rate limit: time in which an empty bucket fills up again'),
  BOOTSTRAP_ADMIN_TOKEN: text(
    '',
    secret,
    '8 to 256 visible characters, or nothing',
    'token of an admin who needs no row in the database',
  ),
  TICK_SECRET: text(
    '',
    secret,
    '8 to 256 visible characters, or nothing',
    'what POST /v1/ticks/{name} wants in x-tick-secret; nothing closes those routes',
  ),
  PROCESS_CRON: text(
    '* * * * * *',
    cron,
    'a cron expression of 5 or 6 fields',
    'when process-batch runs at the latest',
  ),
  COORDINATE_CRON: text('* * * * * *', cron, 'a cron expression of 5 or 6 fields', 'when coordinate runs'),
  PROCESS_BATCH_SIZE: integer(500, 1, 1000, 'most jobs claimed by one statement'),
  PROCESS_CONCURRENCY: integer(50, 1, 1000, 'most jobs a process runs at once; 1 runs them one after another'),
  PROCESS_PACE_MS: integer(0, 0, 60_000, 'pause between jobs, so that a person can watch'),
  TICK_BUDGET_MS: integer(50_000, 10, day, 'time after which a tick takes no more work'),
  TICK_LINGER_MS: integer(0, 0, day, 'time a tick waits for work that falls due; for platforms whose crons are rare'),
  TICK_MAX_QUERIES: integer(0, 0, 1e9, 'database queries after which a tick takes no more work; 0 is no limit'),
  CLOCK: choice(
    ['host', 'database'],
    'host',
    'whose time counts; database where hosts with clocks of their own share one',
  ),
  LEASE_MS: integer(30_000, 50, day, 'how long a claim lasts without a heartbeat'),
  JOB_TIMEOUT_MS: integer(300_000, 1, day, 'time a job may run, where it does not say itself'),
  BACKOFF_BASE_MS: integer(1000, 0, day, 'longest wait before the first retry; it doubles with each'),
  BACKOFF_MAX_MS: integer(3_600_000, 0, 30 * day, 'longest wait before any retry'),
  MAX_INTERRUPTIONS: integer(3, 0, 1000, 'expired leases a job survives before it goes to the DLQ'),
  MAX_DLQ_REDRIVES: integer(1, 0, 1000, 'times the coordinator takes a job out of the DLQ by itself'),
  DLQ_REDRIVE_AFTER_MS: integer(60_000, 0, 365 * day, 'time in the DLQ before that'),
  RETENTION_DAYS: integer(30, 0, 36_500, 'days that done and cancelled jobs are kept; 0 keeps them for good'),
  EMAIL_URL: text('', /^(smtps?:\/\/\S+)?$/, 'smtp://… or smtps://…, or nothing', 'the mail server of sendEmail'),
  EMAIL_FROM: text(
    'escapement@localhost',
    /^[^\s@]+@[^\s@]+$|^[^<>\r\n]+ <[^\s@]+@[^\s@]+>$/,
    'an address, or Name <address>',
    'the sender of sendEmail',
  ),
  WEBHOOK_SECRET: text(
    '',
    /^(whsec_[A-Za-z0-9+/]{32,}={0,2})?$/,
    'whsec_ and at least 24 bytes in base64, or nothing',
    'key that signs webhooks',
  ),
  WEBHOOK_ALLOW_PRIVATE: flag(false, 'let webhooks reach private and loopback addresses'),
  WEBHOOK_EXCERPT: flag(true, "keep an excerpt of a receiver's answer in the job"),
  DUMP_RETENTION_DAYS: integer(7, 0, 36_500, 'days that snapshots of the report are kept; 0 keeps them for good'),
  TRUSTED_PROXY_HOPS: integer(0, 0, 10, 'proxies in front whose X-Forwarded-For entry is believed'),
  LOG_LEVEL: choice(['debug', 'info', 'warn', 'error', 'silent'], 'info', 'least important line that is logged'),
} satisfies Record<string, Setting<unknown>>;

type Table = typeof settingsTable;
export type Settings = { readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never };

/** Reads all settings from strings, taking defaults for what is missing or empty. Throws a SettingError. */
export function readSettings(source: Record<string, unknown>): Settings {
  const entries = Object.entries(settingsTable).map(([name, setting]) => {
    const given = source[name];
    const written = given === undefined || given === null || given === '' ? setting.initial : String(given);
    const value = setting.read(written);
    if (value === undefined) throw new SettingError(name, shown(name, written), setting.allowed);
    return [name, value];
  });
  return Object.fromEntries(entries) as Settings;
}

/** A bad secret must not end up in a terminal or a log. */
const shown = (name: string, written: string): string =>
  /TOKEN|SECRET|EMAIL_URL/.test(name) ? `a text of ${written.length} characters` : JSON.stringify(written.slice(0, 80));
