import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, pause, Server, tempFolder } from '../support/server.ts';

afterEach(cleanUp);

const JOBS = 10_000;
const SET = 500;

test('three processors on one file do each of 10,000 jobs exactly once, and none of the processes complains', async () => {
  const folder = tempFolder();
  const api = await Server.start({ script: 'start:api', folder, bare: true });
  const others = await Promise.all(
    ['start:coordinator', 'start:processor', 'start:processor', 'start:processor'].map((script) =>
      Server.start({ script, folder, bare: true }),
    ),
  );
  const set = { jobs: Array.from({ length: SET }, () => ({ task_type: 'sleep', payload: { ms: 0 } })) };
  for (let i = 0; i < JOBS / SET; i++) expect((await api.call('POST', '/v1/jobs/batch', set)).status).toBe(201);
  for (let i = 0; (await totals(api)).done < JOBS && i < 300; i++) await pause(100);
  expect(await totals(api)).toMatchObject({ done: JOBS, pending: 0, running: 0, failed: 0, dlq: 0 });

  const processes = [api, ...others];
  for (const one of processes) expect(await one.stop()).toBe(0);
  const db = new Sqlite(api.file, { readonly: true });
  expect(breaches(db)).toEqual([]);
  const count = (event: string) =>
    db.prepare('SELECT count(*) AS rows, count(DISTINCT job_seq) AS jobs FROM logs WHERE event = ?').get(event);
  expect(count('claimed')).toEqual({ rows: JOBS, jobs: JOBS });
  expect(count('done')).toEqual({ rows: JOBS, jobs: JOBS });
  expect(count('stale')).toEqual({ rows: 0, jobs: 0 });
  db.close();
  for (const { lines, output } of processes) {
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(output).not.toMatch(/SQLITE_BUSY|database is locked/);
  }
  const shares = processes.map(doneIn).filter((done) => done > 0);
  expect(shares.length).toBeGreaterThan(1);
  expect(shares.reduce((a, b) => a + b)).toBe(JOBS);
});

const totals = async (api: Server) => (await api.call('GET', '/v1/jobs/report')).json.totals;

const doneIn = ({ lines }: Server) => lines.reduce((sum, { msg, done = 0 }) => (msg === 'tick' ? sum + done : sum), 0);
