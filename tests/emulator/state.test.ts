import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, expect, test, vi } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, pause, Server, tempFolder } from '../support/server.ts';

// Real processes of two runtimes, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });
afterAll(cleanUp);

test.each(['node', 'workerd'])(
  'in %s a state file replays: the same jobs at the time of the export, and what was due goes on',
  async (runtime) => {
    const env = { BOOTSTRAP_ADMIN_TOKEN: '' };
    const server = await Server.start({ script: 'dev', bare: true, args: ['--runtime', runtime], env });
    let token = /^admin token: (\S+)$/m.exec(server.stdout)?.[1] as string;
    const call = async (method: string, path: string, body?: object) =>
      (await server.call(method, path, body, { token })).json;
    const job = (id: string) => call('GET', `/v1/jobs/${id}`);
    const importing = async (bytes: Buffer) => {
      const body = new Uint8Array(bytes);
      const response = await fetch(`${server.url}/__emulator/import`, { method: 'POST', body });
      return { status: response.status, json: (await response.json()) as Record<string, string> };
    };

    await call('POST', '/__emulator/time', { action: 'jump', ms: 86_400_000 });
    const sleep = (ms: number, more = {}) => call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms }, ...more });
    const waiting = await sleep(1, { delay_ms: 3_600_000 });
    const running = await sleep(3_000_000);
    while ((await job(running.id)).status !== 'running') await pause(20);
    await call('POST', '/__emulator/time', { action: 'freeze' });
    const { now } = await call('GET', '/__emulator/state');
    const file = join(tempFolder(), 'state.db');
    const state = Buffer.from(await (await fetch(`${server.url}/__emulator/export`)).arrayBuffer());
    writeFileSync(file, state);
    const db = new Sqlite(file, { readonly: true });
    expect(breaches(db)).toEqual([]);
    db.close();

    const fresh = await call('POST', '/__emulator/reset');
    expect(fresh).toMatchObject({ frozen: false, crons: true, offset_ms: expect.any(Number) });
    expect(Math.abs(fresh.offset_ms)).toBeLessThan(60_000);
    // The token of before belongs to nobody now.
    expect((await call('GET', '/v1/jobs')).status).toBe(401);
    token = fresh.admin_token;
    expect((await call('GET', '/v1/jobs')).items).toEqual([]);

    const held = await importing(state);
    expect(held.status).toBe(200);
    token = held.json.admin_token as string;
    expect(Math.abs(Date.parse(held.json.now as string) - Date.parse(now))).toBeLessThan(60_000);
    expect(await job(waiting.id)).toMatchObject({ status: 'pending', run_at: waiting.run_at });
    expect(await job(running.id)).toMatchObject({ status: 'running', lease_epoch: 1 });
    await call('POST', '/__emulator/time', { action: 'jump', ms: 3_600_000 });
    while ((await job(waiting.id)).status !== 'done') await pause(20);
    expect((await job(running.id)).interruptions).toBe(1);

    const refused = await importing(Buffer.from('this is no database, however long it is'.repeat(50)));
    expect(refused).toMatchObject({ status: 400, json: { detail: expect.stringContaining('nothing was changed') } });
    expect((await importing(Buffer.alloc(0))).status).toBe(400);
    expect((await job(waiting.id)).status).toBe('done');
    expect(await server.stop()).toBe(0);
  },
);

test('with --ephemeral the database is gone at the end, and the one of DB_PATH is not touched', async () => {
  const server = await Server.start({ script: 'dev', bare: true, args: ['--ephemeral'] });
  const { id } = await server.schedule('sleep', { ms: 1 });
  await server.until(id, ['done']);
  const { database } = server.lines.find(({ msg }) => msg === 'listening') as { database: string };
  expect(existsSync(database)).toBe(true);
  expect(await server.stop()).toBe(0);
  expect(existsSync(join(database, '..'))).toBe(false);
  expect(existsSync(server.file)).toBe(false);
});
