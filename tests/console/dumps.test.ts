import { afterEach, beforeEach, expect, test } from 'vitest';
import { MAX_SAMPLE } from '../../core/views/dumps.ts';
import { percentiles } from '../../core/views/percentiles.ts';
import coordinate from '../../functions/coordinate.ts';
import processBatch from '../../functions/process-batch.ts';
import { System } from '../support/system.ts';

const MINUTE = 60_000;
let system: System;
beforeEach(() => {
  system = new System({ DUMP_RETENTION_DAYS: '1' });
  // The beginning of a minute, so that a test knows in which it is.
  system.clock.time = Math.ceil(system.clock.time / MINUTE) * MINUTE;
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const tick = (env = system.env) => coordinate.scheduled({}, env);
const minutes = () => system.db.prepare('SELECT minute FROM dumps ORDER BY minute').pluck().all() as number[];
const dumps = async (query = '') => (await system.call('GET', `/v1/dumps${query}`)).json;

test('an idle coordinator writes one snapshot a minute, however often it runs', async () => {
  for (let second = 0; second < 180; second += 20) {
    await tick();
    system.clock.time += 20_000;
  }
  const first = minutes()[0] as number;
  expect(minutes()).toEqual([first, first + 1, first + 2]);
});

test('coordinators that overlap write one snapshot between them', async () => {
  const envs = Array.from({ length: 6 }, () => system.newEnv());
  await Promise.all(envs.map((env) => tick(env)));
  expect(minutes()).toHaveLength(1);
});

test('within its minute an idle tick reads and does not write', async () => {
  await tick();
  const before = system.db.prepare('SELECT total_changes()').pluck().get();
  await tick();
  expect(system.db.prepare('SELECT total_changes()').pluck().get()).toBe(before);
});

test('a snapshot is the report of its moment, with what happened since the one before', async () => {
  await tick();
  for (let i = 0; i < 3; i++) await system.schedule('sleep', { ms: 0 });
  await system.schedule('transform', { input: 1, expression: 'abs(@)' }, { delay_ms: 10 * MINUTE });
  system.clock.time += 500;
  await processBatch.scheduled({}, system.env);
  system.clock.time += MINUTE - 500;
  await tick();
  const { items, coordinated_at, claimed_at } = await dumps();
  const { counts, totals, dlqItems: _ } = (await system.call('GET', '/v1/jobs/report')).json;
  expect(items).toHaveLength(2);
  expect(items[1]).toMatchObject({ counts, totals, every: 1, span_ms: MINUTE, oldest_due_ms: 0 });
  expect(items[1].events).toEqual({ scheduled: 4, claimed: 3, done: 3 });
  expect(items[1].wait_ms).toEqual({ p50: 500, p95: 500, p99: 500 });
  expect(items[1].run_ms).toEqual({ p50: 0, p95: 0, p99: 0 });
  expect(coordinated_at).toBe(items[1].at);
  expect(Date.parse(claimed_at)).toBe(system.clock.time - MINUTE + 500);
});

test('the oldest due job is the one that waits longest, whatever its priority', async () => {
  await system.schedule('sleep', { ms: 0 }, { priority: -5 });
  system.clock.time += 3000;
  await system.schedule('sleep', { ms: 0 }, { priority: 9 });
  system.clock.time += 1000;
  await tick();
  expect((await dumps()).items[0].oldest_due_ms).toBe(4000);
});

test('of a minute with more log rows than a snapshot reads, it tells an estimate, and says so', async () => {
  await tick();
  const rows = MAX_SAMPLE * 5;
  const at = system.clock.time;
  system.db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO logs (at, level, event, message) SELECT ${at}, 'info', iif(i % 4 = 0, 'rare', 'often'), 'x' FROM n`);
  system.clock.time += MINUTE;
  await tick();
  const [, { events, every }] = (await dumps()).items;
  expect(every).toBe(5);
  expect(events.rare + events.often).toBe(rows);
  expect(Math.abs(events.rare - rows / 4)).toBeLessThan(rows * 0.01);
});

test('snapshots past DUMP_RETENTION_DAYS are dropped, later ones stay', async () => {
  await tick();
  system.clock.time += 23 * 60 * MINUTE;
  await tick();
  expect(minutes()).toHaveLength(2);
  system.clock.time += 2 * 60 * MINUTE;
  await tick();
  expect(minutes()).toHaveLength(2);
  const forGood = system.newEnv({ DUMP_RETENTION_DAYS: '0' });
  system.clock.time += 500 * 60 * 24 * MINUTE;
  await tick(forGood);
  expect(minutes()).toHaveLength(3);
});

test('a list of snapshots may leave minutes out, begins where it is told, and is bounded', async () => {
  for (let minute = 0; minute < 12; minute++) {
    await tick();
    system.clock.time += MINUTE;
  }
  expect((await dumps()).items).toHaveLength(12);
  const every = (await dumps('?every=5')).items.map(({ at }: { at: string }) => Date.parse(at) / MINUTE);
  expect(every.length).toBeGreaterThanOrEqual(2);
  for (const minute of every) expect(Math.floor(minute) % 5).toBe(0);
  const since = new Date(system.clock.time - 3 * MINUTE).toISOString();
  expect((await dumps(`?since=${since}`)).items).toHaveLength(3);
  expect((await dumps('?since=1970-01-01T00:00:00Z')).items).toHaveLength(12);
  expect((await dumps('?since=2999-01-01T00:00:00Z')).items).toEqual([]);
});

test('only an admin sees them: they count the jobs of all', async () => {
  const { token } = await system.user();
  expect((await system.call('GET', '/v1/dumps', undefined, { token })).status).toBe(403);
});

test('a snapshot that cannot be written does not fail the tick', async () => {
  await system.schedule('sleep', { ms: 0 });
  system.db.exec("CREATE TRIGGER no BEFORE INSERT ON dumps BEGIN SELECT RAISE(ABORT, 'no'); END");
  const said: string[] = [];
  const env = { ...system.env, LOG: (_: string, message: string) => void said.push(message) };
  expect(await tick(env)).toMatchObject({ reclaimed: 0 });
  expect(said).toEqual(['No snapshot could be written.']);
  expect(minutes()).toEqual([]);
});

test('percentiles are values that were there, by nearest rank', () => {
  expect(percentiles([])).toBeNull();
  expect(percentiles([7])).toEqual({ p50: 7, p95: 7, p99: 7 });
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(percentiles(hundred)).toEqual({ p50: 50, p95: 95, p99: 99 });
});
