import { beforeEach, describe, expect, test } from 'vitest';
import { statuses } from '../../core/lifecycle/states.ts';
import { conform } from './conform.ts';

conform({}, (on) => {
  let ada: { id: string; token: string };
  let bob: { id: string; token: string };
  beforeEach(async () => {
    [ada, bob] = [await on().user('user', 'ada'), await on().user('user', 'bob')];
  });

  const get = async (path: string, token?: string) =>
    (await on().call('GET', path, undefined, token === undefined ? {} : { token })).json;

  /** Every item of a list, page by page. */
  async function all(path: string, token?: string): Promise<{ id: string; event: string }[]> {
    const items: { id: string; event: string }[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: never[]; next_cursor: string | null } = await get(
        `${path}${path.includes('?') ? '&' : '?'}limit=3${cursor ? `&cursor=${cursor}` : ''}`,
        token,
      );
      expect(page.items.length).toBeLessThanOrEqual(3);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }

  /** Twelve jobs of two owners and three types: some done, one cancelled, one buried, some pending. Newest first. */
  async function life(): Promise<{ id: string; owner_id: string; task_type: string; status: string }[]> {
    const jobs = [];
    for (let i = 0; i < 12; i++) {
      const token = i % 3 === 0 ? bob.token : ada.token;
      const [type, payload] = [
        ['sleep', { ms: 0 }],
        ['transform', { input: i, expression: '@' }],
        ['sendEmail', { to: 'a@example.com', subject: 's', text: 't' }],
      ][i % 4 === 3 ? 2 : i % 2] as [string, object];
      jobs.push(await on().schedule(type, payload, i >= 8 ? { delay_ms: 3_600_000 } : {}, token));
    }
    await on().tick('process-batch');
    await on().tick('coordinate');
    await on().call('POST', `/v1/jobs/${jobs[11]?.id}/cancel`);
    const rows = await on().sql<{ id: string; owner_id: string; task_type: string; status: string }>(
      'SELECT id, owner_id, task_type, status FROM jobs ORDER BY seq DESC',
    );
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['done', 'dlq', 'pending', 'cancelled']));
    return rows;
  }

  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);

  describe('the list of jobs', () => {
    test('shows each job once, newest first, whatever the page and the filter', async () => {
      const jobs = await life();
      expect(ids(await all('/v1/jobs'))).toEqual(ids(jobs));
      for (const status of statuses)
        expect(ids(await all(`/v1/jobs?status=${status}`)), status).toEqual(
          ids(jobs.filter((job) => job.status === status)),
        );
      for (const type of ['sleep', 'transform', 'sendEmail', 'none'])
        expect(ids(await all(`/v1/jobs?task_type=${type}`)), type).toEqual(
          ids(jobs.filter((job) => job.task_type === type)),
        );
      expect(ids(await all(`/v1/jobs?owner_id=${bob.id}&status=done&task_type=sleep`))).toEqual(
        ids(jobs.filter((job) => job.owner_id === bob.id && job.status === 'done' && job.task_type === 'sleep')),
      );
    });

    test('shows a user nothing but its own', async () => {
      const jobs = await life();
      for (const { id, token } of [ada, bob]) {
        expect(ids(await all('/v1/jobs', token))).toEqual(ids(jobs.filter(({ owner_id }) => owner_id === id)));
        expect(ids(await all('/v1/jobs?status=done', token))).toEqual(
          ids(jobs.filter((job) => job.owner_id === id && job.status === 'done')),
        );
      }
      expect(await on().fate('GET', `/v1/jobs?owner_id=${ada.id}`, undefined, { token: ada.token })).toEqual([
        403,
        'forbidden',
      ]);
    });

    test('is not disturbed by jobs that come while somebody pages', async () => {
      const jobs = await life();
      const first = await get('/v1/jobs?limit=5');
      await on().schedule('sleep', { ms: 0 });
      const second = await get(`/v1/jobs?limit=5&cursor=${first.next_cursor}`);
      expect(ids([...first.items, ...second.items])).toEqual(ids(jobs).slice(0, 10));
    });

    test('takes a cursor of its own only: for the same caller, list and filter, and unchanged', async () => {
      await life();
      const { next_cursor } = await get('/v1/jobs?limit=3', ada.token);
      const bad = [400, 'bad_cursor'];
      expect(await on().fate('GET', `/v1/jobs?cursor=${next_cursor}`, undefined, { token: ada.token })).toEqual([
        200,
        null,
      ]);
      expect(await on().fate('GET', `/v1/jobs?cursor=${next_cursor}`, undefined, { token: bob.token })).toEqual(bad);
      expect(
        await on().fate('GET', `/v1/jobs?status=done&cursor=${next_cursor}`, undefined, { token: ada.token }),
      ).toEqual(bad);
      expect(await on().fate('GET', `/v1/logs?cursor=${next_cursor}`, undefined, { token: ada.token })).toEqual(bad);
      for (const cursor of ['x', `${next_cursor}A`, 'MTIz', '%F0%9F%94%91'])
        expect(await on().fate('GET', `/v1/jobs?cursor=${cursor}`)).toEqual(bad);
    });

    test.each(['0', '101', '-1', '1.5', 'ten', ''])('refuses a limit of "%s"', async (limit) => {
      expect(await on().fate('GET', `/v1/jobs?limit=${limit}`)).toEqual([400, 'bad_parameter']);
    });

    test('refuses a status that is none, and takes texts that look like SQL as texts', async () => {
      expect(await on().fate('GET', '/v1/jobs?status=lost')).toEqual([400, 'bad_parameter']);
      await life();
      for (const text of ["' OR 1=1 --", '%', '_', 'sleep%00', '"; DROP TABLE jobs; --'])
        expect((await get(`/v1/jobs?task_type=${encodeURIComponent(text)}`)).items).toEqual([]);
      expect(await on().size()).toMatchObject({ jobs: 12 });
    });
  });

  describe('the log', () => {
    test('tells the life of a job, newest first, page by page, by level and by event', async () => {
      const jobs = await life();
      const buried = jobs.find(({ status }) => status === 'dlq');
      const events = (await all(`/v1/logs?job_id=${buried?.id}`)).map(({ event }) => event);
      expect(events).toEqual(['buried', 'failed', 'claimed', 'scheduled']);
      expect((await all(`/v1/logs?job_id=${buried?.id}&level=error`)).map(({ event }) => event)).toEqual(['buried']);
      expect(await all('/v1/logs?event=scheduled')).toHaveLength(12);
      const [entry] = await all(`/v1/logs?job_id=${buried?.id}&event=failed`);
      expect(entry).toMatchObject({
        ...{ job_id: buried?.id, owner_id: buried?.owner_id, task_type: 'sendEmail', level: 'warn', epoch: 1 },
        ...{ from_status: 'running', to_status: 'failed', worker: expect.stringMatching(/^w-/) },
        data: { wait_ms: 0, permanent: true },
      });
    });

    test('shows a user the logs of its own jobs only', async () => {
      const jobs = await life();
      const owners = await all('/v1/logs', ada.token);
      expect(new Set(owners.map((entry) => (entry as unknown as { owner_id: string }).owner_id))).toEqual(
        new Set([ada.id]),
      );
      const foreign = jobs.find(({ owner_id }) => owner_id === bob.id);
      expect(await on().fate('GET', `/v1/logs?job_id=${foreign?.id}`, undefined, { token: ada.token })).toEqual([
        404,
        'not_found',
      ]);
    });
  });

  describe('the report', () => {
    /** The report as a fresh count of the table gives it. */
    async function recount(owner: string | null) {
      const rows = await on().sql<{ status: string; task_type: string; n: number }>(
        'SELECT status, task_type, count(*) AS n FROM jobs WHERE ?1 IS NULL OR owner_id = ?1 GROUP BY 1, 2',
        owner,
      );
      const counts = Object.fromEntries(statuses.map((status) => [status, {} as Record<string, number>]));
      for (const { status, task_type, n } of rows) Object.assign(counts[status] as object, { [task_type]: n });
      const sum = (byType: Record<string, number>) => Object.values(byType).reduce((a, b) => a + b, 0);
      return { counts, totals: Object.fromEntries(statuses.map((status) => [status, sum(counts[status] ?? {})])) };
    }

    test('equals a recount, for each user and for an admin, before and after the log is folded', async () => {
      const jobs = await life();
      for (let round = 0; round < 2; round++) {
        for (const [token, owner] of [
          [ada.token, ada.id],
          [bob.token, bob.id],
          [undefined, null],
        ] as const) {
          const { counts, totals, dlqItems } = await get('/v1/jobs/report', token);
          expect({ counts, totals }).toEqual(await recount(owner));
          expect(ids(dlqItems)).toEqual(
            ids(jobs.filter((job) => job.status === 'dlq' && (owner === null || job.owner_id === owner))),
          );
        }
        await on().tick('coordinate');
        expect((await on().sql('SELECT count(*) AS n FROM job_counts'))[0]?.n).toBeGreaterThan(0);
      }
    });

    test('of an empty system has every status, and no items', async () => {
      const report = await get('/v1/jobs/report');
      const none = (value: unknown) => Object.fromEntries(statuses.map((status) => [status, value]));
      expect(report).toEqual({ counts: none({}), totals: none(0), dlqItems: [] });
    });

    test('lists the newest 100 jobs of the dead-letter queue', async () => {
      const mail = { task_type: 'sendEmail', payload: { to: 'a@example.com', subject: 's', text: 't' } };
      await on().call('POST', '/v1/jobs/batch', { jobs: Array.from({ length: 130 }, () => mail) });
      await on().tick('process-batch');
      await on().tick('coordinate');
      const { totals, dlqItems } = await get('/v1/jobs/report');
      expect([totals.dlq, dlqItems.length]).toEqual([130, 100]);
      const newest = await on().sql<{ id: string }>('SELECT id FROM jobs ORDER BY seq DESC LIMIT 100');
      expect(ids(dlqItems)).toEqual(ids(newest));
    });
  });

  describe('a bulk redrive', () => {
    const redrive = (body: object) => on().call('POST', '/v1/dlq/redrive', { reason: 'mended', ...body });

    beforeEach(async () => {
      const mail = (to: string) => ({ task_type: 'sendEmail', payload: { to, subject: 's', text: 't' } });
      const wrong = { task_type: 'transform', payload: { input: 'a', expression: 'abs(@)' } };
      for (const { token } of [ada, bob])
        await on().call(
          'POST',
          '/v1/jobs/batch',
          { jobs: [mail('a@example.com'), wrong, mail('b@example.com')] },
          { token },
        );
      await on().tick('process-batch');
      await on().tick('coordinate');
      expect((await get('/v1/jobs/report')).totals.dlq).toBe(6);
    });

    test('that is dry changes nothing and says what it would', async () => {
      const size = await on().size();
      const { json } = await redrive({ task_type: 'sendEmail', dry_run: true });
      expect(json).toMatchObject({ matched: 4, redriven: 0 });
      expect(json.sample).toHaveLength(4);
      expect(await on().size()).toEqual(size);
    });

    test('takes the oldest that match, by type, owner and error, up to its limit', async () => {
      expect((await redrive({ task_type: 'sendEmail', owner_id: ada.id, limit: 1 })).json).toMatchObject({
        matched: 2,
        redriven: 1,
      });
      const pending = await on().sql<{ to: string; owner_id: string }>(
        "SELECT payload ->> 'to' AS \"to\", owner_id FROM jobs WHERE status = 'pending'",
      );
      expect(pending).toEqual([{ to: 'a@example.com', owner_id: ada.id }]);
      expect((await redrive({ error_contains: 'EMAIL_URL' })).json).toMatchObject({ matched: 3, redriven: 3 });
      // Neither a pattern nor too long for one: the text as it is, wherever it stands.
      for (const text of ['%', '_mail', "'; --", 'x'.repeat(200)])
        expect((await redrive({ error_contains: text })).json).toMatchObject({ matched: 0, redriven: 0 });
      expect((await redrive({})).json).toMatchObject({ matched: 2, redriven: 2 });
      expect((await get('/v1/logs?event=redriven&limit=100')).items).toHaveLength(6);
    });

    test('is for admins', async () => {
      const body = { reason: 'mine' };
      expect(await on().fate('POST', '/v1/dlq/redrive', body, { token: ada.token })).toEqual([403, 'forbidden']);
      expect((await get('/v1/jobs/report')).totals.dlq).toBe(6);
    });
  });
});
