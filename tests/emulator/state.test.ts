import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

afterAll(cleanUp);

describe.each(['node', 'workerd'])('In %s', (runtime) => {
  const start = (env: Record<string, string> = {}) =>
    Server.start({ script: 'dev', bare: true, args: ['--runtime', runtime], env });
  const importInto = async (server: Server, body: Buffer) => {
    const response = await fetch(`${server.url}/__emulator/import`, { method: 'POST', body: new Uint8Array(body) });
    return { status: response.status, json: (await response.json()) as Record<string, string> };
  };

  test('a state replays in another emulator: the same jobs, at the time of the export, and what was due goes on', async () => {
    const first = await start();
    await first.call('POST', '/__emulator/time', { action: 'jump', ms: 86_400_000 });
    const waiting = await first.schedule('sleep', { ms: 1 }, { delay_ms: 3_600_000 });
    const running = await first.schedule('sleep', { ms: 3_000_000 });
    await first.until(running.id, ['running']);
    await first.call('POST', '/__emulator/time', { action: 'freeze' });
    const { now } = (await first.call('GET', '/__emulator/state')).json;
    const file = join(tempFolder(), 'state.db');
    writeFileSync(file, Buffer.from(await (await fetch(`${first.url}/__emulator/export`)).arrayBuffer()));
    const db = new Sqlite(file, { readonly: true });
    expect(breaches(db)).toEqual([]);
    db.close();
    expect(await first.stop()).toBe(0);

    const second = await start({ BOOTSTRAP_ADMIN_TOKEN: '' });
    const held = await importInto(second, readFileSync(file));
    expect(held.status).toBe(200);
    const token = held.json.admin_token as string;
    const job = async (id: string) => (await second.call('GET', `/v1/jobs/${id}`, undefined, { token })).json;
    expect(Math.abs(Date.parse(held.json.now as string) - Date.parse(now))).toBeLessThan(60_000);
    expect(await job(waiting.id)).toMatchObject({ status: 'pending', run_at: waiting.run_at });
    expect(await job(running.id)).toMatchObject({ status: 'running', lease_epoch: 1 });
    await second.call('POST', '/__emulator/time', { action: 'jump', ms: 3_600_000 });
    for (let i = 0; (await job(waiting.id)).status !== 'done'; i++) expect(i).toBeLessThan(500);
    expect((await job(running.id)).interruptions).toBe(1);

    const refused = await importInto(second, Buffer.from('this is no database, however long it is'.repeat(50)));
    expect(refused).toMatchObject({ status: 400, json: { detail: expect.stringContaining('nothing was changed') } });
    expect((await importInto(second, Buffer.alloc(0))).status).toBe(400);
    expect((await job(waiting.id)).status).toBe('done');

    const { json: fresh } = await second.call('POST', '/__emulator/reset');
    expect(fresh).toMatchObject({ frozen: false, crons: true });
    expect(Math.abs(fresh.offset_ms)).toBeLessThan(1000);
    expect((await second.call('GET', '/v1/jobs', undefined, { token })).status).toBe(401);
    const again = await second.call('GET', '/v1/jobs', undefined, { token: fresh.admin_token });
    expect(again.json.items).toEqual([]);
    expect(await second.stop()).toBe(0);
  });
});

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
