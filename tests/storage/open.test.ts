import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openSqlite, requireVersion } from '../../emulator/sqlite.ts';
import { warnOfReaders } from '../../emulator/storage/privacy.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

afterEach(cleanUp);

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test.each(['3.51.2', '3.51.0', '3.45.1', '3.9.0', '2.8.17'])('SQLite %s is refused: it is too old', (version) => {
  expect(() => requireVersion(version)).toThrow(`This SQLite is ${version}; 3.51.3 or newer is needed.`);
});

test.each(['3.51.3', '3.51.10', '3.53.2', '3.100.0', '4.0.0'])('SQLite %s is taken', (version) => {
  expect(() => requireVersion(version)).not.toThrow();
});

test.each([
  ['normal', 1],
  ['full', 2],
] as const)(
  'every opening sets what it needs, with DB_SYNCHRONOUS=%s, whatever the file was left at',
  (sync, level) => {
    const path = join(tempFolder(), 'new', 'jobs.db');
    openSqlite(path, sync).close();
    const db = openSqlite(path, sync);
    const held = [
      'journal_mode',
      'synchronous',
      'foreign_keys',
      'journal_size_limit',
      'wal_autocheckpoint',
      'busy_timeout',
    ];
    expect(held.map((name) => db.pragma(name, { simple: true }))).toEqual(['wal', level, 1, 67_108_864, 4000, 0]);
    db.close();
  },
);

test('an opening that cannot have what it needs is refused', () => {
  expect(() => openSqlite(':memory:', 'normal')).toThrow(/SQLite keeps journal_mode at memory where wal is needed/);
});

describe.skipIf(process.platform === 'win32')('Who may read the database', () => {
  test('a new folder and every file in it are for their owner alone, from the first moment', async () => {
    const folder = join(tempFolder(), 'data');
    const server = await Server.start({ folder, bare: true });
    expect(modeOf(folder)).toBe('700');
    expect(readdirSync(folder).sort()).toEqual(['jobs.db', 'jobs.db-shm', 'jobs.db-wal']);
    for (const name of readdirSync(folder)) expect(modeOf(join(folder, name)), name).toBe('600');
    expect(server.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    expect(await server.stop()).toBe(0);
  });

  test('a new file in a folder that others can read is still for its owner alone', async () => {
    const folder = tempFolder();
    chmodSync(folder, 0o755);
    const server = await Server.start({ folder, bare: true });
    for (const name of readdirSync(folder)) expect(modeOf(join(folder, name)), name).toBe('600');
    expect(modeOf(folder)).toBe('755');
    expect(server.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    expect(await server.stop()).toBe(0);
  });

  test('a file that others can read is told of once, and left as it is', async () => {
    const folder = tempFolder();
    await Server.run({ script: 'migrate', folder, bare: true });
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'jobs.db'), 0o644);
    const server = await Server.start({ folder, bare: true });
    const warnings = server.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([expect.objectContaining({ msg: expect.stringContaining('can read the database') })]);
    expect([modeOf(folder), modeOf(join(folder, 'jobs.db'))]).toEqual(['755', '644']);
    expect(await server.stop()).toBe(0);
  });

  test.each([
    [0o700, 0o644, undefined],
    [0o755, 0o600, undefined],
    [0o755, 0o640, 'read'],
    [0o750, 0o640, 'read'],
    [0o777, 0o600, 'replace'],
    [0o1777, 0o600, undefined],
  ])('a folder of mode %o and a file of %o', (ofFolder, ofFile, expected) => {
    const folder = join(tempFolder(), 'data');
    mkdirSync(folder);
    writeFileSync(join(folder, 'jobs.db'), '');
    chmodSync(join(folder, 'jobs.db'), ofFile);
    chmodSync(folder, ofFolder);
    const told: string[] = [];
    warnOfReaders(join(folder, 'jobs.db'), (_, message) => told.push(message));
    expect(told).toEqual(expected ? [expect.stringContaining(`can ${expected} the database`)] : []);
  });
});
