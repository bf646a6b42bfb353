import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

afterEach(cleanUp);

const env = { LEASE_MS: '1500' };

test('a job whose processor is killed is reclaimed and ended by another processor, at no charge', async () => {
  const folder = tempFolder();
  const api = await Server.start({ script: 'start:api', folder, env, bare: true });
  await Server.start({ script: 'start:coordinator', folder, env, bare: true });
  const victim = await Server.start({ script: 'start:processor', folder, env, bare: true });
  const { id } = await api.schedule('sleep', { ms: 2500 });
  await api.until(id, ['running']);
  victim.kill('SIGKILL');
  expect(await victim.exited).toBe(null);
  expect(await api.until(id, ['running', 'pending'])).toMatchObject({ lease_epoch: 1, interruptions: 0 });

  await Server.start({ script: 'start:processor', folder, env, bare: true });
  const job = await api.until(id, ['done']);
  expect(job).toMatchObject({ interruptions: 1, retries: 0, lease_epoch: 2, result: { slept_ms: 2500 } });
  expect(life(api.file, id)).toEqual({
    events: ['scheduled', 'claimed', 'reclaimed', 'claimed', 'done'],
    breaches: [],
  });
});

test('a whole system that is killed finishes its jobs after a restart, and loses none', async () => {
  const folder = tempFolder();
  const first = await Server.start({ folder, env, bare: true });
  const long = await first.schedule('sleep', { ms: 2000 });
  const waiting = await first.schedule('sleep', { ms: 1 }, { delay_ms: 2000 });
  await first.until(long.id, ['running']);
  first.kill('SIGKILL');
  await first.exited;

  const second = await Server.start({ folder, env, bare: true });
  expect(await second.until(long.id, ['done'])).toMatchObject({ interruptions: 1, retries: 0 });
  expect(await second.until(waiting.id, ['done'])).toMatchObject({ interruptions: 0, retries: 0 });
  expect(life(second.file, long.id).breaches).toEqual([]);
});

test('a job that kills its worker again and again ends in the dead-letter queue', async () => {
  const folder = tempFolder();
  const impatient = { LEASE_MS: '700', MAX_INTERRUPTIONS: '1' };
  const api = await Server.start({ script: 'start:api', folder, env: impatient, bare: true });
  await Server.start({ script: 'start:coordinator', folder, env: impatient, bare: true });
  const { id } = await api.schedule('sleep', { ms: 60_000 });
  for (let epoch = 1; epoch <= 2; epoch++) {
    const victim = await Server.start({ script: 'start:processor', folder, env: impatient, bare: true });
    while ((await api.until(id, ['running'])).lease_epoch < epoch);
    victim.kill('SIGKILL');
    await victim.exited;
  }
  expect(await api.until(id, ['dlq'])).toMatchObject({ interruptions: 2, retries: 0, lease_epoch: 2 });
  expect(life(api.file, id).breaches).toEqual([]);
});

function life(file: string, id: string): { events: string[]; breaches: string[] } {
  const db = new Sqlite(file, { readonly: true });
  const read = db.prepare('SELECT event FROM logs JOIN jobs ON jobs.seq = job_seq WHERE id = ? ORDER BY logs.seq');
  const found = { events: read.pluck().all(id) as string[], breaches: breaches(db) };
  db.close();
  return found;
}
