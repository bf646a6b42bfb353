import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, Server } from '../support/server.ts';

afterEach(cleanUp);

// Claims of three for two slots.
const env = { PROCESS_CONCURRENCY: '2', PROCESS_BATCH_SIZE: '3' };
const sleeps = (n: number, ms: number) => Array.from({ length: n }, () => ({ task_type: 'sleep', payload: { ms } }));

/** Starts a system whose two slots are taken by long jobs while a short one waits, claimed, for a slot. */
async function busySystem(ms: number): Promise<{ server: Server; long: string[]; waiting: string[] }> {
  const server = await Server.start({ env, bare: true });
  // Short jobs first: a worker that knows its jobs to be short claims ahead. It does not know it at its first claim, which
  // is of two; of those that follow, the long ones have one to themselves, with one that must wait.
  const before = 2 + 3 * 10;
  const jobs = [...sleeps(before, 0), ...sleeps(2, ms), ...sleeps(1, 0)];
  const { items } = (await server.call('POST', '/v1/jobs/batch', { jobs })).json;
  const ids = items.map(({ id }: { id: string }) => id);
  const waiting = ids.slice(before + 2);
  for (const id of waiting) await server.until(id, ['running']);
  return { server, long: ids.slice(before, before + 2), waiting };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'on %s handlers that run end and are settled, and what was claimed but not started goes back at no charge',
  async (signal) => {
    const { server, long, waiting } = await busySystem(2000);
    for (const id of long) expect((await server.call('GET', `/v1/jobs/${id}`)).json.status).toBe('running');
    expect(await server.stop(signal)).toBe(0);

    const db = new Sqlite(server.file, { readonly: true });
    for (const id of long) {
      expect(row(db, id)).toMatchObject({ status: 'done', retries: 0, interruptions: 0, lease_epoch: 1 });
      expect(events(db, id)).toEqual(['scheduled', 'claimed', 'done']);
    }
    for (const id of waiting) {
      expect(row(db, id)).toMatchObject({ status: 'pending', retries: 0, interruptions: 0, lease_worker: null });
      expect(events(db, id)).toEqual(['scheduled', 'claimed', 'released']);
    }
    expect(breaches(db)).toEqual([]);
    db.close();
    expect(server.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(server.stderr).toBe('');

    const next = await Server.start({ folder: server.folder, env, bare: true });
    for (const id of waiting) expect(await next.until(id, ['done'])).toMatchObject({ lease_epoch: 2, retries: 0 });
  },
);

test('a handler that outlives the grace period is given back at no charge, and the process ends with code 0', async () => {
  const server = await Server.start({ bare: true });
  const { id } = await server.schedule('sleep', { ms: 60_000 });
  await server.until(id, ['running']);
  expect(await server.stop('SIGTERM')).toBe(0);
  const db = new Sqlite(server.file, { readonly: true });
  expect(row(db, id)).toMatchObject({ status: 'pending', retries: 0, interruptions: 0, result: null, error: null });
  expect(events(db, id)).toEqual(['scheduled', 'claimed', 'released']);
  expect(breaches(db)).toEqual([]);
  db.close();
});

test('a signal that reaches npm and the system alike, as from a terminal, and comes twice, stops gently all the same', async () => {
  const server = await Server.start();
  const { id } = await server.schedule('sleep', { ms: 1000 });
  await server.until(id, ['running']);
  server.kill('SIGINT');
  await server.stop('SIGINT');
  const db = new Sqlite(server.file, { readonly: true });
  expect(row(db, id)).toMatchObject({ status: 'done', retries: 0 });
  db.close();
});

test('a system without work ends at once, though a client keeps its connection open', async () => {
  const server = await Server.start({ bare: true });
  // fetch keeps the connection of this call alive.
  await server.call('GET', '/v1/jobs');
  expect(await server.stop('SIGTERM')).toBe(0);
  expect(server.lines.at(-1)).toMatchObject({ level: 'info', msg: 'stopping' });
});

const row = (db: Sqlite.Database, id: string) => db.prepare('SELECT * FROM jobs WHERE id = ?').get(id);

const events = (db: Sqlite.Database, id: string) =>
  db.prepare('SELECT event FROM logs WHERE job_seq = (SELECT seq FROM jobs WHERE id = ?) ORDER BY seq').pluck().all(id);
