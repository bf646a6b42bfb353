import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import processBatch from '../../functions/process-batch.ts';
import { cleanUp, pause, Server } from '../support/server.ts';
import { ADMIN, System } from '../support/system.ts';

describe('News', () => {
  let system: System;
  beforeEach(() => {
    system = new System();
  });
  afterEach(() => system.close());

  const news = async (query = '', token = ADMIN) =>
    (await system.call('GET', `/v1/live${query}`, undefined, { token })).json;
  const eventsOf = ({ logs }: { logs: { event: string }[] }) => logs.map(({ event }) => event);

  test('hold the counts of the report and what was logged after the cursor, newest first', async () => {
    await system.schedule('sleep', { ms: 0 });
    const first = await news();
    expect(eventsOf(first)).toEqual(['scheduled']);
    expect(first.totals.pending).toBe(1);
    await processBatch.scheduled({}, system.env);
    const second = await news(`?after=${first.cursor}`);
    expect(eventsOf(second)).toEqual(['done', 'claimed']);
    expect(second.totals).toMatchObject({ pending: 0, done: 1 });
    expect(eventsOf(await news(`?after=${second.cursor}`))).toEqual([]);
  });

  test('say when the next pending job is due, to an admin', async () => {
    await system.schedule('sleep', { ms: 0 }, { delay_ms: 5000 });
    expect(Date.parse((await news()).next_due_at)).toBe(system.clock.time + 5000);
    expect((await news('', (await system.user()).token)).next_due_at).toBeNull();
  });

  test('are of the caller’s own jobs, for a user', async () => {
    const [ada, bob] = [await system.user('user', 'ada'), await system.user('user', 'bob')];
    const { cursor } = await news('', bob.token);
    await system.schedule('sleep', { ms: 0 }, {}, ada.token);
    const told = await news(`?after=${cursor}`, bob.token);
    expect(told.logs).toEqual([]);
    expect(told.totals.pending).toBe(0);
    expect((await news(`?after=${cursor}`, ada.token)).code).toBe('bad_cursor');
    expect(eventsOf(await news('', ada.token))).toEqual(['scheduled']);
  });

  test('hold at most 50 entries, and say when there were more', async () => {
    const { cursor } = await news();
    const jobs = Array(30).fill({ task_type: 'sleep', payload: { ms: 0 } });
    await system.call('POST', '/v1/jobs/batch', { jobs });
    expect(await news(`?after=${cursor}`)).toMatchObject({ more: false, logs: { length: 30 } });
    await system.call('POST', '/v1/jobs/batch', { jobs });
    expect(await news(`?after=${cursor}`)).toMatchObject({ more: true, logs: { length: 50 } });
  });

  test.each(['?wait=21', '?wait=-1', '?wait=1.5', '?wait=x', '?follow=yes', '?after=', '?after=abc', '?limit=5'])(
    'are refused for %s',
    async (query) => {
      expect((await system.call('GET', `/v1/live${query}`)).status).toBe(400);
    },
  );

  test('are found by seeks and short walks, whatever the tables hold', () => {
    const plan = (sql: string) =>
      system.db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => (row as { detail: string }).detail);
    expect(plan('SELECT coalesce(max(seq), 0) AS head FROM logs')).toEqual(['SEARCH logs']);
    expect(plan("SELECT coalesce(max(seq), 0) AS head FROM logs WHERE owner_id = 'a'")).toEqual([
      'SEARCH logs USING COVERING INDEX logs_of_owner (owner_id=?)',
    ]);
    const walk = 'SELECT event FROM logs WHERE seq > 1 AND seq <= 9';
    expect(plan(`${walk} ORDER BY seq DESC LIMIT 51`)).toEqual([
      'SEARCH logs USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)',
    ]);
    expect(plan(`${walk} AND owner_id = 'a' ORDER BY seq DESC LIMIT 51`)).toEqual([
      'SEARCH logs USING INDEX logs_of_owner (owner_id=? AND seq>? AND seq<?)',
    ]);
  });
});

describe('Over a real connection', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ bare: true, env: { RL_CAPACITY: '60', RL_WINDOW_MS: '3600000' } });
  });
  afterAll(async () => {
    await server.stop();
    await cleanUp();
  });

  const open = (query: string, signal?: AbortSignal) =>
    fetch(`${server.url}/v1/live${query}`, { headers: { 'x-user-auth': ADMIN }, ...(signal && { signal }) });
  const left = (response: Response) => Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1]);

  async function* linesOf(response: Response) {
    let rest = '';
    const decoder = new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>;
    for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(decoder)) {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() as string;
      for (const part of parts) yield JSON.parse(part);
    }
  }

  test('a watcher is told of every step as it is taken, and one call is one request', async () => {
    const response = await open('?wait=20&follow=true');
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const seen: string[] = [];
    let scheduled = false;
    for await (const { logs } of linesOf(response)) {
      seen.push(...logs.map(({ event }: { event: string }) => event).reverse());
      if (!scheduled) await server.schedule('sleep', { ms: 700 });
      scheduled = true;
      if (seen.includes('done')) break;
    }
    expect(seen).toEqual(['scheduled', 'claimed', 'done']);
    const before = left(response);
    const next = await open('');
    // In between one job was scheduled, and a minute of this bucket refills one request.
    expect(before - left(next)).toBeLessThanOrEqual(2);
    await next.text();
  });

  test('without follow the answer comes with the first change, whole', async () => {
    const { cursor } = await (await open('')).json();
    const waiting = open(`?wait=20&after=${cursor}`);
    const { id } = await server.schedule('sleep', { ms: 0 });
    const { logs } = await (await waiting).json();
    expect(logs.map(({ job_id }: { job_id: string }) => job_id)).toContain(id);
  });

  test('where nothing happens the answer comes when the wait is over', async () => {
    const { cursor } = await (await open('')).json();
    expect(await (await open(`?wait=1&after=${cursor}`)).json()).toMatchObject({ logs: [], cursor });
  });

  test('one who stops listening is let go, and the system still stops gently while others listen', async () => {
    const gone = new AbortController();
    const first = await open('?wait=20&follow=true', gone.signal);
    await first.body?.getReader().read();
    gone.abort();
    // A page asks again, on the same connection, as soon as an answer has ended.
    let asked = 0;
    const page = (async () => {
      for (; ; asked++) await (await open('?wait=20&follow=true')).text();
    })().catch(() => {});
    await pause(500);
    const start = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - start).toBeLessThan(4000);
    await page;
    expect(asked).toBeLessThan(5);
  });
});
