import { existsSync, rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { blocksOf, readText, section } from '../support/markdown.ts';
import { freePort } from '../support/server.ts';
import { checkout, close, printed, type Terminal, type, typeAlong } from '../support/session.ts';

const page = readText('docs/operations.md');
const blocks = (heading: string): string[] => blocksOf(section(page, heading), 'sh');
// The two helpers of the README's first session, which the page refers to.
const [helpers = ''] = blocksOf(section(readText('README.md'), '## A first session'), 'sh').slice(1);
const folder = checkout();
const open: Terminal[] = [];
let port = 0;
let token = '';

const start = async (): Promise<Terminal> => {
  port = await freePort();
  const terminal = type('npm start', folder, { PORT: String(port), MAX_DLQ_REDRIVES: '0', RL_CAPACITY: '1000' });
  open.push(terminal);
  await printed(terminal, /listening/);
  return terminal;
};
const typed = async (texts: string[]): Promise<string> => {
  const before = helpers.replace('127.0.0.1:8000', `127.0.0.1:${port}`).replace('the-admin-token', token);
  return (await typeAlong([before, ...texts], folder)).slice(1).join('');
};
const jobs = (file: string): { task_type: string; status: string }[] => {
  const db = new Sqlite(`${folder}/${file}`, { readonly: true });
  const rows = db.prepare('SELECT task_type, status FROM jobs ORDER BY seq').all();
  expect(breaches(db)).toEqual([]);
  db.close();
  return rows as { task_type: string; status: string }[];
};
const mail = `api $ESCAPEMENT/v1/jobs -d '{ "task_type": "sendEmail", "payload": { "to": "a@example.com", "subject": "s", "text": "t" } }' | field id`;
const untilBuried = `until api $ESCAPEMENT/v1/jobs/report | grep -q '"dlq":1'; do sleep 0.2; done`;

afterAll(async () => {
  for (const terminal of open) await close(terminal);
  rmSync(folder, { recursive: true });
});

test('the page on operations: a backup made while everything runs is whole, and restoring it brings its jobs back', async () => {
  const first = await start();
  token = (await printed(first, /^admin token: (\S+)$/m))[1] as string;
  await typed([mail, untilBuried]);
  expect(await typed(blocks('## Backup'))).toMatch(
    /^backed up \S+ to backup\.db: .* 1 job \(1 dlq\), 1 user, verified$/m,
  );
  await expect(typed(blocks('## Backup'))).rejects.toThrow('--force replaces it');
  await expect(typed(blocks('## Restore'))).rejects.toThrow('is open in another process');
  // What comes after the backup is gone after the restore.
  await typed([`api $ESCAPEMENT/v1/jobs -d '{ "task_type": "sleep", "payload": { "ms": 1 }, "delay_ms": 60000 }'`]);
  await close(first);
  expect(existsSync(`${folder}/data/jobs.db-wal`)).toBe(false);
  expect(jobs('data/jobs.db')).toHaveLength(2);
  expect((await typeAlong(blocks('## Restore'), folder)).join('')).toMatch(/^restored \S+ from backup\.db: .* 1 job/m);
  expect(jobs('data/jobs.db')).toEqual([{ task_type: 'sendEmail', status: 'dlq' }]);
});

test('the page on operations: an upgrade applies migrations, or says that there are none', async () => {
  const [upgrade = ''] = blocks('## Upgrade');
  // The first line was typed before this test could run.
  expect(upgrade.split('\n')[0]).toBe('npm ci');
  expect((await typeAlong([upgrade.replace('npm ci\n', '')], folder)).join('')).toContain('nothing to apply');
  rmSync(`${folder}/data`, { recursive: true });
  expect((await typeAlong([upgrade.replace('npm ci\n', '')], folder)).join('')).toContain('applied 0001_');
});

test('the page on operations: a database of a newer version is refused with one line and left as it is', async () => {
  const db = new Sqlite(`${folder}/data/jobs.db`);
  db.exec("INSERT INTO migrations (name) VALUES ('9999_future.sql')");
  db.close();
  await expect(typeAlong(['npm run -s migrate'], folder)).rejects.toThrow('was made by a newer version');
  await expect(typeAlong(['npm -s start'], folder)).rejects.toThrow('was made by a newer version');
  rmSync(`${folder}/data`, { recursive: true });
});

test('the page on operations: monitoring answers, and the dead-letter queue is looked at, redriven and cleared', async () => {
  const server = await start();
  token = (await printed(server, /^admin token: (\S+)$/m))[1] as string;
  await typed([mail, untilBuried]);
  const seen = await typed(blocks('## Monitoring'));
  expect(seen).toContain('"status":"ok"');
  expect(seen).toContain('"event":"buried"');
  const [look = '', redrive = '', cancel = ''] = blocks('## The dead-letter queue');
  const out = await typed([look, redrive, cancel]);
  expect(out).toContain('EMAIL_URL is not set');
  expect(out).toContain('{"matched":1,"redriven":0');
  expect(out).toContain('{"matched":1,"redriven":1');
  await close(server);
  expect(jobs('data/jobs.db')).toEqual([{ task_type: 'sendEmail', status: 'cancelled' }]);
});

test('the page on operations: every command on it is typed by one of these tests', () => {
  const tried = ['## Backup', '## Restore', '## Upgrade', '## Monitoring', '## The dead-letter queue'].flatMap(blocks);
  expect(blocksOf(page, 'sh')).toEqual(tried);
});
