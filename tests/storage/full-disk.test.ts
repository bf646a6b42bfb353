import { readdirSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import processBatch from '../../functions/process-batch.ts';
import { FullPort, SmallDisk } from '../support/full.ts';
import { breaches } from '../support/invariants.ts';
import { cleanUp, pause, Server } from '../support/server.ts';
import { System } from '../support/system.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await cleanUp();
});

const system = (settings: Record<string, string> = {}) => {
  const made = new System(settings);
  ends.push(() => made.close());
  return made;
};
const full = (of: System): FullPort => {
  const port = new FullPort(of.db);
  of.env.DB = port;
  return port;
};
const expectFull = (answer: { status: number; headers: Headers; json: { code: string } }) => {
  expect(answer).toMatchObject({ status: 507, json: { code: 'storage_full', status: 507 } });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(JSON.stringify(answer.json)).not.toMatch(/SQLITE|INSERT|disk is full/);
};

test('with no page left what is scheduled is refused whole, reading goes on, and with new pages all runs once', async () => {
  const it = system();
  it.db.pragma(`max_page_count = ${(it.db.pragma('page_count', { simple: true }) as number) + 40}`);
  const accepted: string[] = [];
  const input = 'x'.repeat(2000);
  for (;;) {
    const jobs = Array.from({ length: 5 }, () => ({
      task_type: 'transform',
      payload: { input, expression: 'length(@)' },
    }));
    const answer = await it.call('POST', '/v1/jobs/batch', { jobs });
    if (answer.status !== 201) {
      expectFull(answer);
      break;
    }
    accepted.push(...answer.json.items.map(({ id }: { id: string }) => id));
  }
  expect(accepted.length).toBeGreaterThan(5);
  expect(it.db.prepare('SELECT count(*) FROM jobs').pluck().get()).toBe(accepted.length);
  expect(it.breaches()).toEqual([]);
  for (const path of [`/v1/jobs/${accepted[0]}`, '/v1/jobs', '/v1/jobs/report', '/v1/logs', '/healthz'])
    expect((await it.call('GET', path)).status, path).toBe(200);

  it.db.pragma('max_page_count = 1000000');
  await processBatch.scheduled({}, it.env);
  for (const id of accepted) expect(await it.job(id)).toMatchObject({ status: 'done', result: 2000, lease_epoch: 1 });
  expect(it.breaches()).toEqual([]);
});

test('on a full disk who reads is let in without a charge, who writes and who is not known is not', async () => {
  const it = system({ RL_CAPACITY: '3', RL_WINDOW_MS: '60000' });
  const { token } = await it.user();
  const port = full(it);
  for (let i = 0; i < 5; i++) {
    const answer = await it.call('GET', '/v1/jobs', undefined, { token });
    expect(answer).toMatchObject({ status: 200, json: { items: [] } });
    expect(answer.headers.get('ratelimit')).toBe('"default";r=3;t=0');
  }
  expect((await it.call('GET', '/v1/jobs', undefined, { token: 'nobody-has-this-token' })).status).toBe(401);
  expect((await it.call('GET', '/v1/users', undefined, { token })).status).toBe(403);
  for (const who of [token, null, 'nobody-has-this-token'])
    expectFull(await it.call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } }, { token: who }));
  port.full = false;
  expect((await it.call('GET', '/v1/jobs', undefined, { token })).headers.get('ratelimit')).toMatch(/r=2;/);
});

test('on a full disk an empty bucket still turns its user away, until it would hold a token again', async () => {
  const it = system({ RL_CAPACITY: '2', RL_WINDOW_MS: '60000' });
  const { token } = await it.user();
  const list = () => it.call('GET', '/v1/jobs', undefined, { token });
  for (let i = 0; i < 2; i++) expect((await list()).status).toBe(200);
  full(it);
  const refused = await list();
  expect(refused).toMatchObject({ status: 429, json: { code: 'rate_limited' } });
  expect(refused.headers.get('retry-after')).toBe('30');
  await it.clock.advance(30_000);
  expect((await list()).status).toBe(200);
  expect((await list()).status).toBe(200);
});

if (SmallDisk.possible) {
  test('a system whose disk fills up and is freed goes on without a restart, and no job is lost or doubled', async () => {
    const disk = new SmallDisk(24);
    ends.push(() => disk.unmount());
    const server = await Server.start({ folder: disk.folder, bare: true });
    ends.unshift(async () => {
      server.kill();
      await server.exited;
    });
    const accepted: string[] = [];
    const add = async (ms: number, more = {}) => {
      const answer = await server.call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms }, ...more });
      if (answer.status === 201) accepted.push(answer.json.id);
      return answer;
    };
    await add(2000);
    const long = accepted[0] as string;
    await server.until(long, ['running']);
    disk.fill();
    // The log has some room yet.
    let refused = await add(0);
    for (let i = 0; i < 2000 && refused.status === 201; i++) refused = await add(0);
    expectFull(refused);
    const settled = accepted.length;

    const until = Date.now() + 4000;
    while (Date.now() < until) {
      for (const path of [`/v1/jobs/${long}`, '/v1/jobs', '/v1/jobs/report', '/v1/logs', '/healthz'])
        expect((await server.call('GET', path)).status, path).toBe(200);
      expectFull(await add(0));
      await pause(50);
    }
    expect(accepted).toHaveLength(settled);
    // A line for each tick that cannot write, and each worker: not one for each try.
    const told = server.lines.filter(({ msg }) => /tick failed|worker that goes on/.test(msg));
    expect(told.length).toBeLessThan(6);
    for (const { cause } of server.lines.filter((line) => line.cause)) {
      expect(cause).toMatch(/full|SHMSIZE/);
      expect(cause).not.toContain('\n');
    }

    disk.free();
    await add(0);
    for (const id of accepted) expect((await server.until(id, ['done'])).lease_epoch).toBe(1);
    expect((await server.call('GET', '/v1/jobs/report')).json.totals).toMatchObject({
      ...{ done: accepted.length, pending: 0, running: 0, failed: 0, dlq: 0 },
    });
    expect(await server.stop()).toBe(0);
    const db = new Sqlite(server.file, { readonly: true });
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(breaches(db)).toEqual([]);
    expect(db.prepare('SELECT id FROM jobs').pluck().all().sort()).toEqual([...accepted].sort());
    db.close();
  });

  test('a backup that fills the disk fails, and leaves the space as it was', async () => {
    const server = await Server.start({ bare: true });
    for (let i = 0; i < 5; i++)
      await server.schedule('transform', { input: 'x'.repeat(200_000), expression: '@' }, { delay_ms: 3_600_000 });
    const disk = new SmallDisk(1);
    ends.push(() => disk.unmount());
    const target = `${disk.folder}/backup.db`;
    const backup = await Server.run({ script: 'backup', args: [target], folder: server.folder, bare: true });
    expect(backup.stderr).toMatch(/^\S+ was not backed up to \S+: database or disk is full\.\n$/);
    expect(await backup.exited).toBe(1);
    expect(readdirSync(disk.folder)).toEqual([]);
  });
}
