import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asProblem } from '../../core/http/problem.ts';
import { isPassing } from '../../core/repeat.ts';
import { LibsqlPort, openClient } from '../../emulator/deploy/libsql-port.ts';
import { migrateLibsql } from '../../emulator/deploy/migrate-libsql.ts';
import { migrate, migrationsIn } from '../../emulator/migrate.ts';
import { openSqlite } from '../../emulator/sqlite.ts';
import { root } from '../support/build.ts';
import { HranaServer } from '../support/hrana.ts';
import { Lambda } from '../support/lambda.ts';
import { tempFolder } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

const migrations = join(root, 'migrations');
const TOKEN = 'a-token-of-the-database';

let folder: string;
let server: HranaServer;
beforeEach(async () => {
  folder = tempFolder();
  server = await HranaServer.start(join(folder, 'remote.db'), TOKEN);
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const urlOf = (kind: string) => (kind === 'file' ? `file:${join(folder, 'local.db')}` : server.url);
const pathOf = (kind: string) => join(folder, kind === 'file' ? 'local.db' : 'remote.db');
const portTo = (kind: string) => new LibsqlPort(() => openClient(urlOf(kind), TOKEN));
/** Another connection to the same database, in the hands of the library that the port does not use in this process. */
const schemaOf = (db: Sqlite.Database) =>
  db.prepare('SELECT type, name, sql FROM sqlite_master ORDER BY type, name').all();

describe.each(['file', 'http'])('The port over libSQL (%s)', (kind) => {
  test('gives numbers, binds what ?1 names as often as it is named, and answers no rows for a write', async () => {
    const port = portTo(kind);
    const read = port.prepare('SELECT ?2 AS b, ?1 AS a, ?1 AS again, 9007199254740991 AS most, NULL AS none');
    expect(await read.bind('x', 2).first()).toEqual({ b: 2, a: 'x', again: 'x', most: 9007199254740991, none: null });
    await port.prepare('CREATE TABLE t (n INTEGER) STRICT').all();
    expect(await port.prepare('INSERT INTO t VALUES (?1)').bind(1).all()).toEqual({ results: [] });
    expect((await port.prepare('INSERT INTO t VALUES (2) RETURNING n').all()).results).toEqual([{ n: 2 }]);
    expect(await port.prepare('SELECT n FROM t WHERE n = 3').first()).toBe(null);
    // D1 binds every number as REAL, and so does better-sqlite3.
    expect(await port.prepare('SELECT typeof(?1) AS t').bind(5).first()).toEqual({ t: 'real' });
  });

  test('refuses what D1 would not bind', () => {
    const statement = portTo(kind).prepare('SELECT ?1');
    for (const value of [true, undefined, 1n, new Uint8Array()]) {
      expect(() => statement.bind(value as never)).toThrow(/binds strings, numbers and null/);
    }
    expect(() => statement.bind(...Array(101).fill(1))).toThrow(/100 parameters/);
  });

  test('makes a batch one transaction: a later statement sees the earlier ones, and all go back when one fails', async () => {
    const port = portTo(kind);
    const insert = port.prepare('INSERT INTO t VALUES (?1)');
    const count = port.prepare('SELECT count(*) AS n FROM t');
    await port.prepare('CREATE TABLE t (n INTEGER CHECK (n > 0)) STRICT').all();
    const done = await port.batch([insert.bind(1), insert.bind(2), count]);
    expect(done.map(({ results }) => results)).toEqual([[], [], [{ n: 2 }]]);
    await expect(port.batch([insert.bind(3), insert.bind(-1), insert.bind(4)])).rejects.toThrow(/SQLITE_CONSTRAINT/);
    expect(await count.first()).toEqual({ n: 2 });
    expect(await port.batch([count, count])).toEqual([{ results: [{ n: 2 }] }, { results: [{ n: 2 }] }]);
  });

  test('waits for another writer, and says in the end that the database is busy; a batch of reads waits for nobody', async () => {
    const port = portTo(kind);
    await port.prepare('PRAGMA journal_mode = WAL').all();
    await port.prepare('CREATE TABLE t (n INTEGER) STRICT').all();
    const insert = port.prepare('INSERT INTO t VALUES (1)');
    const count = port.prepare('SELECT count(*) AS n FROM t');
    const other = await openClient(urlOf(kind), TOKEN);
    const held = await other.transaction('write');
    await held.execute('INSERT INTO t VALUES (2)');
    expect(await port.batch([count, count])).toEqual([{ results: [{ n: 0 }] }, { results: [{ n: 0 }] }]);
    const busy = await port.batch([insert, insert]).catch((error) => error);
    expect(asProblem(busy)).toMatchObject({ code: 'database_busy', status: 503 });
    const waiting = port.batch([insert, insert]);
    await held.commit();
    await waiting;
    expect(await count.first()).toEqual({ n: 3 });
    other.close();
  });

  test('an unmigrated database is one clear problem', async () => {
    const error = await portTo(kind)
      .prepare('SELECT * FROM jobs')
      .all()
      .catch((cause) => cause);
    expect(asProblem(error)).toMatchObject({ code: 'database_unavailable', status: 503 });
  });
});

describe.each(['file', 'http'])('Migrations on libSQL (%s)', (kind) => {
  test('make the schema that the emulator has, once, also when two come at the same time', async () => {
    const apply = () => migrateLibsql(urlOf(kind), migrations, TOKEN);
    if (kind === 'http') new Sqlite(pathOf(kind)).pragma('journal_mode = WAL');
    expect(await apply()).toEqual(migrationsIn(migrations));
    expect(await apply()).toEqual([]);
    const local = openSqlite(join(folder, 'emulator.db'), 'normal');
    migrate(local, migrations);
    const remote = new Sqlite(pathOf(kind), { readonly: true });
    expect(schemaOf(remote)).toEqual(schemaOf(local));
    for (const db of [local, remote]) db.close();
  });

  test('leave the database of another program and that of a newer version as they are', async () => {
    const port = portTo(kind);
    await port.prepare('CREATE TABLE theirs (n INTEGER)').all();
    await expect(migrateLibsql(urlOf(kind), migrations, TOKEN)).rejects.toThrow(/another program; nothing was changed/);
    const tables = port.prepare("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'");
    expect((await tables.all()).results).toEqual([{ name: 'theirs' }]);
    await port.prepare('DROP TABLE theirs').all();
    await migrateLibsql(urlOf(kind), migrations, TOKEN);
    await port.prepare("INSERT INTO migrations (name) VALUES ('9999_newer.sql')").all();
    await expect(migrateLibsql(urlOf(kind), migrations, TOKEN)).rejects.toThrow(
      /newer version \(it has 9999_newer.sql/,
    );
  });
});

test('npm run migrate -- --libsql URL applies them, and says in one line what is wrong with a URL', () => {
  const run = (url: string, token = TOKEN) =>
    spawnSync('npm', ['run', '-s', 'migrate', '--', '--libsql', url], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, LIBSQL_AUTH_TOKEN: token, npm_config_loglevel: 'silent' },
    });
  expect(run(urlOf('file'))).toMatchObject({ status: 0, stdout: `applied ${migrationsIn(migrations).join(', ')}\n` });
  expect(run(urlOf('file'))).toMatchObject({ status: 0, stdout: 'nothing to apply\n' });
  for (const [url, said] of [
    ['wss://example.com', 'URL_SCHEME_NOT_SUPPORTED'],
    ['http://127.0.0.1:9', 'The database is not answering'],
  ] as const) {
    const { status, stderr } = run(url);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining(said)]]);
  }
});

describe('Over HTTP', () => {
  test('a batch is one request, and a lost connection or an error of the server is a fault that passes', async () => {
    const port = portTo('http');
    const one = port.prepare('SELECT 1 AS n');
    await port.batch([one, one]);
    expect(server.seen.filter((type) => type === 'batch')).toHaveLength(1);
    server.fault = () => 'lose';
    const lost = await port.batch([one, one]).catch((error) => error);
    expect(isPassing(lost)).toBe(true);
    expect(asProblem(lost)).toMatchObject({ code: 'database_unavailable', status: 503 });
  });

  test('a wrong token is a problem that says nothing of the token', async () => {
    const error = await new LibsqlPort(() => openClient(server.url, 'wrong'))
      .prepare('SELECT 1')
      .all()
      .catch((cause) => cause);
    const problem = asProblem(error);
    expect(problem).toMatchObject({ code: 'database_unavailable', status: 503 });
    expect(problem.message).not.toMatch(/wrong/);
  });

  test('the deployed functions run over it, and a job whose answer was lost is scheduled once', async () => {
    await migrateLibsql(server.url, migrations, TOKEN);
    const settings = { BOOTSTRAP_ADMIN_TOKEN: ADMIN, CLOCK: 'database', LOG_LEVEL: 'silent' };
    const lambda = new Lambda({ ...settings, LIBSQL_URL: server.url, LIBSQL_AUTH_TOKEN: TOKEN });
    try {
      const headers: [string, string][] = [['x-user-auth', ADMIN], ['content-type', 'application/json']]; // biome-ignore format: one line
      const body = JSON.stringify({ task_type: 'transform', payload: { input: { a: 1 }, expression: 'a' } });
      // The clock, then who may, then the job: its first answer is lost after it was made.
      let requests = 0;
      server.fault = (work) => {
        requests += 1;
        if (requests !== 3) return 'answer';
        work();
        return 'lose';
      };
      const answer = await lambda.request({ method: 'POST', target: '/v1/jobs', headers, body });
      expect(answer.status).toBe(201);
      expect(requests).toBeGreaterThan(3);
      expect(await lambda.tick('process-batch')).toMatchObject({ claimed: 1, done: 1 });
      const jobs = await lambda.request({ method: 'GET', target: '/v1/jobs', headers });
      expect(jobs.json.items).toMatchObject([{ id: answer.json.id, status: 'done', result: 1 }]);
    } finally {
      await lambda.close();
    }
  });
});
