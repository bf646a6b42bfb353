import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { cleanUp, freePort, pause, Server, tempFolder } from '../support/server.ts';

afterEach(cleanUp);

// So far away that nothing in these tests is a cron's doing.
const never = '0 0 0 1 1 *';
const env = { PROCESS_CRON: never, COORDINATE_CRON: never, BACKOFF_BASE_MS: '100' };

test('a job that is due is started by the wake, long before any cron', async () => {
  const server = await Server.start({ env, bare: true });
  const { id } = await server.schedule('sleep', { ms: 0 });
  await seen(server, id, 'done');
});

test('a job is started across processes, by what its processor sees of the database', async () => {
  const api = await startApart();
  const { id } = await api.schedule('sleep', { ms: 0 });
  await seen(api, id, 'done');
});

test('a job that waited while no processor was there is started when one comes', async () => {
  const folder = tempFolder();
  const api = await Server.start({ script: 'start:api', folder, env, bare: true });
  const { id } = await api.schedule('sleep', { ms: 0 });
  await Server.start({ script: 'start:processor', folder, env, bare: true });
  await seen(api, id, 'done');
});

test('a job that is delayed starts when it falls due, not before, in one process', async () => {
  await startsOnTime(await Server.start({ env, bare: true }));
});

test('a job that is delayed starts when it falls due, not before, across processes', async () => {
  const api = await startApart();
  await startsOnTime(api);
});

test('a job that falls due while another one runs does not wait for its end', async () => {
  const server = await Server.start({ env, bare: true });
  const long = await server.schedule('sleep', { ms: 60_000 });
  await seen(server, long.id, 'running');
  await startsOnTime(server);
  expect(stored(server, long.id)).toMatchObject({ status: 'running' });
});

test('a job that fails is retried and buried without a cron, in one process', async () => {
  const server = await Server.start({ env, bare: true });
  const { id } = await server.schedule('webhook', { url: `http://127.0.0.1:${await freePort()}/` }, { max_retries: 2 });
  await seen(server, id, 'dlq');
  expect(stored(server, id)).toMatchObject({ retries: 3, lease_epoch: 3 });
});

/** An API and a processor, each a process; the API. */
async function startApart(): Promise<Server> {
  const folder = tempFolder();
  await Server.start({ script: 'start:processor', folder, env, bare: true });
  return Server.start({ script: 'start:api', folder, env, bare: true });
}

async function startsOnTime(server: Server): Promise<void> {
  const { id } = await server.schedule('sleep', { ms: 0 }, { delay_ms: 300 });
  await seen(server, id, 'done');
  const job = stored(server, id);
  expect(job.started_at).toBeGreaterThanOrEqual(job.run_at);
}

/** Looks into the file, not over HTTP: a request would be a commit, and so a wake of its own. */
async function seen(server: Server, id: string, status: string): Promise<void> {
  for (let i = 0; stored(server, id).status !== status; i++) {
    if (i > 200) throw new Error(`${id} did not become ${status}: ${JSON.stringify(stored(server, id))}`);
    await pause(50);
  }
}

function stored(server: Server, id: string): { status: string; started_at: number; run_at: number } {
  const db = new Sqlite(server.file, { readonly: true });
  const row = db.prepare('SELECT * FROM jobs WHERE id = ?').get(id);
  db.close();
  return row as ReturnType<typeof stored>;
}
