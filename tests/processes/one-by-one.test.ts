import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { cleanUp, pause, Server } from '../support/server.ts';

afterEach(cleanUp);

test.each([0, 20, 200])(
  'with PROCESS_CONCURRENCY=1 no job of %i ms starts before the one before it has finished',
  async (ms) => {
    const server = await Server.start({ env: { PROCESS_CONCURRENCY: '1' }, bare: true });
    const spans = await spansOf(server, 6, ms);
    for (const [i, { started, finished }] of spans.entries()) {
      expect(finished - started).toBeGreaterThanOrEqual(ms);
      if (i > 0) expect(started).toBeGreaterThanOrEqual(spans[i - 1]?.finished as number);
    }
  },
);

test('without it they run at the same time', async () => {
  const server = await Server.start({ bare: true });
  const spans = await spansOf(server, 6, 500);
  const lastStart = Math.max(...spans.map(({ started }) => started));
  expect(lastStart).toBeLessThan(Math.min(...spans.map(({ finished }) => finished)));
});

test('PROCESS_PACE_MS spaces jobs, so that one can watch them', async () => {
  const server = await Server.start({ env: { PROCESS_PACE_MS: '150' }, bare: true });
  const spans = await spansOf(server, 4, 0);
  for (const [i, { started }] of spans.entries())
    if (i > 0) expect(started - (spans[i - 1]?.started as number)).toBeGreaterThanOrEqual(150);
});

/** Schedules jobs of one kind at once, waits until they are done; their times in order of their start. */
async function spansOf(server: Server, n: number, ms: number): Promise<{ started: number; finished: number }[]> {
  const set = { jobs: Array.from({ length: n }, () => ({ task_type: 'sleep', payload: { ms } })) };
  expect((await server.call('POST', '/v1/jobs/batch', set)).status).toBe(201);
  const done = async () => (await server.call('GET', '/v1/jobs?status=done')).json.items;
  while ((await done()).length < n) await pause(50);
  const times = (await done()).map((job: { started_at: string; finished_at: string }) => ({
    started: Date.parse(job.started_at),
    finished: Date.parse(job.finished_at),
  }));
  const db = new Sqlite(server.file, { readonly: true });
  expect(breaches(db)).toEqual([]);
  db.close();
  return times.sort(
    (a: { started: number; finished: number }, b: typeof a) => a.started - b.started || a.finished - b.finished,
  );
}
