import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MAX_WALK } from '../../core/views/page.ts';
import coordinate from '../../functions/coordinate.ts';
import processBatch from '../../functions/process-batch.ts';
import { type Call, routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
let call: Call;
beforeEach(() => {
  system = new System();
  call = routed(system);
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

type Item = Record<string, unknown> & { id: string; event: string };
interface Walk {
  items: Item[];
  pages: number;
}

/** Follows next_cursor to the end. `between` runs after each page. */
async function walk(
  path: string,
  { token, between }: { token?: string; between?: () => Promise<unknown> } = {},
): Promise<Walk> {
  const items: Item[] = [];
  const sign = path.includes('?') ? '&' : '?';
  for (let pages = 1, cursor = ''; ; pages++) {
    const at = cursor ? `${path}${sign}cursor=${cursor}` : path;
    const { status, json } = await call('GET', at, undefined, token ? { token } : {});
    expect(status).toBe(200);
    items.push(...json.items);
    if (json.next_cursor === null) return { items, pages };
    expect(json.next_cursor).not.toBe(cursor);
    cursor = json.next_cursor;
    await between?.();
  }
}

/** Schedules this many jobs, oldest first; their ids, newest first. */
async function fill(count: number, { task_type = 'sleep', token }: { task_type?: string; token?: string } = {}) {
  const payload = task_type === 'sleep' ? { ms: 0 } : { input: 1, expression: '@' };
  const ids: string[] = [];
  while (ids.length < count) {
    const jobs = Array.from({ length: Math.min(1000, count - ids.length) }, () => ({ task_type, payload }));
    const { json } = await call('POST', '/v1/jobs/batch', { jobs }, token ? { token } : {});
    ids.push(...json.items.map(({ id }: Item) => id));
  }
  return ids.reverse();
}

const ids = ({ items }: Walk): string[] => items.map(({ id }) => id);

test('250 jobs come in pages of any size, newest first, each once, though new ones are being added', async () => {
  const made = await fill(250);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 100 }), async (limit) => {
      const found = await walk(`/v1/jobs?limit=${limit}`, { between: () => fill(1) });
      // Those that came while an earlier list was read stand before; this list holds none that came while it was read.
      expect(ids(found).slice(-250)).toEqual(made);
      expect(new Set(ids(found)).size).toBe(found.items.length);
      const all = system.db.prepare('SELECT id FROM jobs ORDER BY seq DESC').pluck().all() as string[];
      expect(ids(found)).toEqual(all.slice(found.pages - 1));
      expect(found.pages).toBe(Math.ceil(found.items.length / limit));
    }),
    { numRuns: 12, examples: [[1], [100], [50], [99]] },
  );
});

test('without a limit a page holds 20', async () => {
  await fill(30);
  expect((await call('GET', '/v1/jobs')).json.items).toHaveLength(20);
});

test('a page that holds exactly the rest has no next one', async () => {
  await fill(40);
  const { items, pages } = await walk('/v1/jobs?limit=20');
  expect([items.length, pages]).toEqual([40, 2]);
});

test('an empty list is empty, and has no next page', async () => {
  for (const path of ['/v1/jobs', '/v1/jobs?status=dlq', '/v1/logs', '/v1/logs?event=none', '/v1/users'])
    expect((await call('GET', path)).json).toEqual({ items: [], next_cursor: null });
});

test('filters by status, task type and owner give what fits and nothing else', async () => {
  const [ada, bob] = [await system.user('user', 'ada'), await system.user('user', 'bob')];
  for (const { token } of [ada, bob]) {
    const sleeping = await fill(30, { token });
    await fill(20, { token, task_type: 'transform' });
    for (const id of sleeping.slice(0, 12)) await call('POST', `/v1/jobs/${id}/cancel`, undefined, { token });
  }
  const rows = system.db.prepare('SELECT id, owner_id, task_type, status FROM jobs ORDER BY seq DESC').all() as Item[];
  const queries: Record<string, string>[] = [
    { status: 'pending' },
    { status: 'cancelled' },
    { status: 'done' },
    { task_type: 'sleep' },
    { task_type: 'transform', status: 'pending' },
    { task_type: 'sleep', status: 'cancelled' },
    { task_type: 'transform', status: 'cancelled' },
  ];
  for (const query of queries) {
    const fitting = rows.filter((row) => Object.entries(query).every(([key, value]) => row[key] === value));
    const path = `/v1/jobs?limit=7&${new URLSearchParams(query)}`;
    expect(ids(await walk(path))).toEqual(fitting.map(({ id }) => id));
    for (const { id: owner_id, token } of [ada, bob]) {
      const own = fitting.filter((row) => row.owner_id === owner_id).map(({ id }) => id);
      expect(ids(await walk(path, { token }))).toEqual(own);
      expect(ids(await walk(`${path}&owner_id=${owner_id}`))).toEqual(own);
    }
  }
});

test('logs are filtered by job, level and event, newest first', async () => {
  const made = await fill(15);
  for (const id of made.slice(0, 5)) await call('POST', `/v1/jobs/${id}/cancel`);
  const insert = system.db.prepare(
    "INSERT INTO logs (at, level, event, job_seq, owner_id) VALUES (1, ?, 'message', 1, 'bootstrap')",
  );
  for (const level of ['debug', 'warn', 'error', 'warn']) insert.run(level);
  const rows = system.db
    .prepare(
      'SELECT logs.level, logs.event, jobs.id AS job_id FROM logs LEFT JOIN jobs ON jobs.seq = job_seq ORDER BY logs.seq DESC',
    )
    .all() as Item[];
  const oldest = made.at(-1) as string;
  const queries: Record<string, string>[] = [
    {},
    { level: 'warn' },
    { event: 'cancelled' },
    { event: 'message', level: 'error' },
    { job_id: oldest },
    { job_id: oldest, event: 'message' },
    { job_id: oldest, level: 'warn' },
    { job_id: made[0] as string },
    { job_id: made[0] as string, event: 'message' },
  ];
  for (const query of queries) {
    const fitting = rows.filter((row) => Object.entries(query).every(([key, value]) => row[key] === value));
    const { items } = await walk(`/v1/logs?limit=3&${new URLSearchParams(query)}`);
    const shown = items.map(({ level, event, job_id }) => ({ level, event, job_id }));
    expect(shown).toEqual(fitting);
  }
});

test('matches that lie further back than one page walks are reached by following next_cursor', async () => {
  const [ada, bob] = [await system.user('user', 'ada'), await system.user('user', 'bob')];
  const oldest = await fill(3, { token: ada.token, task_type: 'transform' });
  await fill(MAX_WALK + 500, { token: ada.token });
  const middle = await fill(2, { token: bob.token, task_type: 'transform' });
  await fill(MAX_WALK - 1, { token: bob.token });
  await fill(1, { token: ada.token });
  for (const limit of [1, 3, 100]) {
    const all = await walk(`/v1/jobs?task_type=transform&limit=${limit}`);
    expect(ids(all)).toEqual([...middle, ...oldest]);
    // At least the two pages that found nothing on their way.
    expect(all.pages).toBeGreaterThan(2);
    expect(ids(await walk(`/v1/jobs?task_type=transform&limit=${limit}`, { token: ada.token }))).toEqual(oldest);
  }
  expect(ids(await walk('/v1/jobs?status=done'))).toEqual([]);
  const [first] = oldest;
  await call('POST', `/v1/jobs/${first}/cancel`);
  const { items } = await walk('/v1/logs?event=scheduled&level=info&limit=100', { token: bob.token });
  expect(items).toHaveLength(MAX_WALK + 1);
  // Behind an index a list goes straight to what fits.
  expect(await walk('/v1/jobs?status=cancelled')).toMatchObject({ pages: 1, items: [{ id: first }] });
});

test('a walk of exactly the limit loses nothing at its edge', async () => {
  const old = await fill(2, { task_type: 'transform' });
  await fill(MAX_WALK - 1);
  expect(ids(await walk('/v1/jobs?task_type=transform&limit=1'))).toEqual(old);
  await fill(1);
  expect(ids(await walk('/v1/jobs?task_type=transform&limit=1'))).toEqual(old);
  await fill(1);
  expect(ids(await walk('/v1/jobs?task_type=transform&limit=2'))).toEqual(old);
});

test('the report names the newest 100 of the dead-letter queue, and counts all', async () => {
  const payload = { to: 'a@example.com', subject: 's', text: 't' };
  const jobs = Array.from({ length: 130 }, () => ({ task_type: 'sendEmail', payload }));
  const made = (await call('POST', '/v1/jobs/batch', { jobs })).json.items.map(({ id }: Item) => id).reverse();
  // Without a mail server each fails for good.
  await processBatch.scheduled({}, system.env);
  await coordinate.scheduled({}, system.env);
  const { json } = await call('GET', '/v1/jobs/report');
  expect(json.totals.dlq).toBe(130);
  expect(json.dlqItems.map(({ id }: Item) => id)).toEqual(made.slice(0, 100));
});
