import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { readSettings } from '../../core/settings.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

afterEach(cleanUp);

const sql =
  (statements: string, wal = false) =>
  (file: string) => {
    const db = new Sqlite(file);
    if (wal) db.pragma('journal_mode = wal');
    db.exec(statements);
    db.close();
  };
const MIGRATIONS = 'CREATE TABLE migrations (id INTEGER PRIMARY KEY, name TEXT)';
const NEWER = `${MIGRATIONS}; INSERT INTO migrations (name) VALUES ('0001_initial.sql'), ('9999_later.sql')`;

const files: [string, (file: string) => void, RegExp][] = [
  ['a text', (file) => writeFileSync(file, 'Dear diary,\n'.repeat(1000)), /is not a SQLite database/],
  ['a text of two bytes', (file) => writeFileSync(file, 'hi'), /is not a SQLite database/],
  ['nothing but zeros', (file) => writeFileSync(file, Buffer.alloc(8192)), /is not a SQLite database/],
  ["another program's database", sql('CREATE TABLE notes (text)'), /is the database of another program/],
  ["another program's database in WAL mode", sql('CREATE TABLE notes (text)', true), /of another program/],
  ["another program's database of views only", sql('CREATE VIEW one AS SELECT 1'), /of another program/],
  ["another program's migrations", sql('CREATE TABLE migrations (version)'), /of another program/],
  ["another program's migrations of the same form", sql(`${MIGRATIONS}; CREATE TABLE users (x)`), /of another program/],
  ['a newer version', sql(NEWER), /was made by a newer version \(it has 9999_later\.sql, unknown here\)/],
  ['a newer version in WAL mode', sql(NEWER, true), /was made by a newer version/],
];

test.each(files)(
  'a file that holds %s stops the start with one line, and is left as it is',
  async (_, make, problem) => {
    const folder = tempFolder();
    const file = join(folder, 'jobs.db');
    make(file);
    const before = hash(file);
    await refused(await Server.run({ folder, bare: true }), problem);
    expect(hash(file)).toBe(before);
    expect(readdirSync(folder)).toEqual(['jobs.db']);
  },
);

test('npm run migrate refuses what a start refuses', async () => {
  const folder = tempFolder();
  const file = join(folder, 'jobs.db');
  sql(NEWER, true)(file);
  const before = hash(file);
  await refused(await Server.run({ script: 'migrate', folder, bare: true }), /was made by a newer version/);
  expect(hash(file)).toBe(before);
  expect(readdirSync(folder)).toEqual(['jobs.db']);
});

test("another program's database whose journal holds unsaved changes is left as it is, journal and all", async () => {
  const folder = tempFolder();
  const writer = new Sqlite(join(folder, 'jobs.db'));
  writer.pragma('journal_mode = wal');
  writer.exec('CREATE TABLE notes (text)');
  const before = ['jobs.db', 'jobs.db-wal'].map((name) => hash(join(folder, name)));
  await refused(await Server.run({ folder, bare: true }), /of another program/);
  expect(['jobs.db', 'jobs.db-wal'].map((name) => hash(join(folder, name)))).toEqual(before);
  writer.close();
});

test('a DB_PATH that is a folder, or lies under a file, stops the start with one line', async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'jobs.db'));
  writeFileSync(join(folder, 'file'), '');
  await refused(await Server.run({ folder, bare: true }), /^DB_PATH is \S+, which is a folder; it may be a file\.$/);
  await refused(
    await Server.run({ folder: join(folder, 'file'), bare: true }),
    /^DB_PATH is \S+, which cannot be opened/,
  );
});

test('a port that is taken stops the start with one line, and nothing of the system goes on', async () => {
  const first = await Server.start({ bare: true });
  const { id } = await first.schedule('sleep', { ms: 0 }, { delay_ms: 60_000 });
  const second = await Server.run({ port: Number(new URL(first.url).port), bare: true });
  await refused(second, /^PORT is \d+, which another program on 127\.0\.0\.1 has taken\.$/);
  expect((await first.call('GET', `/v1/jobs/${id}`)).status).toBe(200);
});

test('a host that is not there stops the start with one line', async () => {
  await refused(await Server.run({ env: { HOST: '192.0.2.1' }, bare: true }), /^HOST is 192\.0\.2\.1 .*cannot listen/);
});

const settings: [string, string, RegExp][] = [
  ['PORT', '80a', /^PORT is "80a"; it may be a whole number from 0 to 65535\.$/],
  ['MIGRATE_ON_START', 'yes', /^MIGRATE_ON_START is "yes"; it may be true or false\.$/],
  ['LOG_LEVEL', 'very\nloud', /^LOG_LEVEL is "very\\nloud"; it may be debug or info or warn or error or silent\.$/],
  ['HOST', 'my host', /^HOST is "my host"; it may be an address or a host name\.$/],
  ['PROCESS_CRON', 'often', /^PROCESS_CRON is "often"; it may be a cron expression of 5 or 6 fields\.$/],
  ['COORDINATE_CRON', '61 * * * * *', /^COORDINATE_CRON is "61 \* \* \* \* \*"; it may be a cron expression/],
  ['EMAIL_FROM', 'nobody', /^EMAIL_FROM is "nobody"; it may be an address, or Name <address>\.$/],
];
test.each(settings)(
  '%s=%j stops the start with one line that names it, what it holds and what it may hold',
  async (name, value, line) => {
    const folder = tempFolder();
    await refused(await Server.run({ folder, env: { [name]: value }, bare: true }), line);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('a bad secret stops the start with one line that does not show it', async () => {
  for (const name of ['BOOTSTRAP_ADMIN_TOKEN', 'TICK_SECRET', 'WEBHOOK_SECRET', 'EMAIL_URL']) {
    const line = new RegExp(`^${name} is a text of 10 characters; it may be [^"]+$`);
    expect(() => readSettings({ [name]: 'swörd fish' })).toThrow(line);
  }
  const server = await Server.run({ env: { EMAIL_URL: 'swörd fish' }, bare: true });
  await refused(server, /^EMAIL_URL is a text of 10 characters; it may be smtp:/);
  expect(server.output).not.toContain('fish');
});

test('a bad setting stops a part of the system, the migration and dev alike', async () => {
  for (const script of ['start:processor', 'migrate', 'dev'])
    await refused(await Server.run({ script, env: { LEASE_MS: 'soon' }, bare: true }), /^LEASE_MS is "soon"; /);
});

/** Exit code 1, and exactly this line on standard error. */
async function refused(server: Server, line: RegExp): Promise<void> {
  expect(server.stderr.trimEnd()).toMatch(line);
  expect(server.stderr.match(/\n/g)).toHaveLength(1);
  expect(server.stdout).not.toContain('admin token');
  expect(await server.exited).toBe(1);
}

const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
