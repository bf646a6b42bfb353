import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coordinate } from '../../core/coordinate.ts';
import { PermanentError } from '../../core/task.ts';
import { processBatch } from '../../core/worker/process-batch.ts';
import { insert, insertOne, logsOf, stored, taskOf } from '../support/drive.ts';
import { System } from '../support/system.ts';

let system: System;
beforeEach(() => {
  system = new System({ DLQ_REDRIVE_AFTER_MS: '5000', BACKOFF_BASE_MS: '0' });
});
afterEach(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const tasks = ['test', 'other'].map((type) =>
  taskOf(type, ({ payload }) => {
    throw new PermanentError((payload as { error?: string }).error ?? 'no');
  }),
);

/** Runs what is due, and buries what failed for good. */
async function bury(env = system.env): Promise<void> {
  await processBatch(system.ctx(env), tasks);
  await coordinate(system.ctx(env));
}

const counters = { retries: 0, interruptions: 0, permanent: 0, finished_at: null };

describe('The coordinator', () => {
  test('redrives a buried job once, DLQ_REDRIVE_AFTER_MS after burial, its counters at 0', async () => {
    const { seq } = await insertOne(system, { max_retries: 2 });
    await bury();
    const buried = stored(system, seq)?.finished_at as number;
    system.clock.time = buried + 4999;
    expect(await coordinate(system.ctx())).toMatchObject({ redriven: 0 });
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', retries: 1, permanent: 1 });

    system.clock.time = buried + 5000;
    expect(await coordinate(system.ctx())).toMatchObject({ redriven: 1 });
    expect(stored(system, seq)).toMatchObject({
      ...counters,
      status: 'pending',
      dlq_redrives: 1,
      run_at: buried + 5000,
    });

    await bury();
    await system.clock.advance(365 * 86_400_000);
    expect(await coordinate(system.ctx())).toMatchObject({ redriven: 0 });
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', dlq_redrives: 1 });
    expect(logsOf(system, seq, 'redriven')).toHaveLength(1);
  });

  test.each([0, 2])('redrives a job %i times where MAX_DLQ_REDRIVES says so', async (most) => {
    const env = system.newEnv({ MAX_DLQ_REDRIVES: String(most), DLQ_REDRIVE_AFTER_MS: '5000' });
    const { seq } = await insertOne(system);
    for (let i = 0; i < 5; i++) {
      await bury(env);
      await system.clock.advance(5000);
      await coordinate(system.ctx(env));
    }
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', dlq_redrives: most });
    expect(logsOf(system, seq, 'redriven')).toHaveLength(most);
    expect(logsOf(system, seq, 'claimed')).toHaveLength(most + 1);
  });

  test('redrives a job once, though several coordinators see it', async () => {
    const { seq } = await insertOne(system);
    await bury();
    await system.clock.advance(5000);
    const envs = [1, 2, 3].map(() => system.newEnv({ DLQ_REDRIVE_AFTER_MS: '5000' }));
    const counts = await Promise.all(envs.map((env) => coordinate(system.ctx(env))));
    expect(counts.map(({ redriven }) => redriven).sort()).toEqual([0, 0, 1]);
    expect(stored(system, seq)?.dlq_redrives).toBe(1);
  });

  test('redrives a job that an operator redrove before, still only once', async () => {
    const { seq, id } = await insertOne(system);
    await bury();
    await system.call('POST', `/v1/jobs/${id}/redrive`, { reason: 'mended' });
    await bury();
    for (let i = 0; i < 3; i++) {
      await system.clock.advance(5000);
      await coordinate(system.ctx());
      await bury();
    }
    expect(stored(system, seq)).toMatchObject({ status: 'dlq', dlq_redrives: 1 });
    expect(logsOf(system, seq, 'claimed')).toHaveLength(3);
  });
});

describe('An operator', () => {
  test('redrives a buried job at once, as often as asked, with reason and actor in the log', async () => {
    const ada = await system.user();
    const { seq, id } = await insertOne(system, { owner: ada.id });
    for (const reason of ['The receiver was mended', `once more, with 'quotes' and %`]) {
      await bury();
      const answer = await system.call('POST', `/v1/jobs/${id}/redrive`, { reason }, { token: ada.token });
      expect(answer).toMatchObject({ status: 200, json: { id, status: 'pending', retries: 0, dlq_redrives: 0 } });
      expect(stored(system, seq)).toMatchObject({ ...counters, status: 'pending', run_at: system.clock.now() });
      const row = logsOf(system, seq, 'redriven').at(-1);
      expect(row?.message).toBe(reason);
      expect(JSON.parse(row?.data ?? '')).toEqual({ actor: ada.id, reason });
    }
  });

  test('is refused where the job is not in the dead-letter queue, and nothing changes', async () => {
    const { seq, id } = await insertOne(system);
    const before = stored(system, seq);
    const answer = await system.call('POST', `/v1/jobs/${id}/redrive`, { reason: 'mended' });
    expect(answer).toMatchObject({ status: 409, json: { code: 'job_not_in_dlq' } });
    expect(stored(system, seq)).toEqual(before);
    expect(logsOf(system, seq, 'redriven')).toEqual([]);
  });

  test("cannot redrive another owner's job: it does not exist", async () => {
    const [ada, bob] = [await system.user(), await system.user('user', 'bob')];
    const { seq, id } = await insertOne(system, { owner: ada.id });
    await bury();
    const answer = await system.call('POST', `/v1/jobs/${id}/redrive`, { reason: 'mine' }, { token: bob.token });
    expect(answer.status).toBe(404);
    expect(stored(system, seq)?.status).toBe('dlq');
  });
});

describe('A bulk redrive', () => {
  const redrive = (body: object) => system.call('POST', '/v1/dlq/redrive', { reason: 'mended', ...body });
  const pending = () => system.db.prepare("SELECT seq FROM jobs WHERE status = 'pending' ORDER BY seq").pluck().all();

  /** Five jobs in the dead-letter queue, and one that is not. */
  async function fill(): Promise<void> {
    const errors = ['100% full', '100 full', 'a_b', 'aXb', 'timeout'];
    const jobs = errors.map((error, i) => ({
      payload: JSON.stringify({ error }),
      task_type: i === 4 ? 'other' : 'test',
      owner: i === 3 ? 'carol' : 'bootstrap',
    }));
    await insert(system, ...jobs);
    await bury();
    await insertOne(system);
  }

  test('with dry_run says what matches and changes nothing', async () => {
    await fill();
    const dump = () => [system.db.prepare('SELECT * FROM jobs').all(), system.db.prepare('SELECT * FROM logs').all()];
    const before = dump();
    const { status, json } = await redrive({ dry_run: true, task_type: 'test' });
    expect([status, json.matched, json.redriven]).toEqual([200, 4, 0]);
    expect(json.sample.map(({ error }: { error: string }) => error)).toEqual(['100% full', '100 full', 'a_b', 'aXb']);
    expect(dump()).toEqual(before);
  });

  test('takes only what is in the dead-letter queue, each job with its log row', async () => {
    await fill();
    expect((await redrive({})).json).toMatchObject({ matched: 5, redriven: 5 });
    expect(pending()).toEqual([1, 2, 3, 4, 5, 6]);
    for (let seq = 1; seq <= 5; seq++) {
      expect(stored(system, seq)).toMatchObject({ ...counters, dlq_redrives: 0 });
      const { data, message } = logsOf(system, seq, 'redriven')[0] ?? {};
      expect([message, JSON.parse(data ?? '')]).toEqual(['mended', { actor: 'bootstrap', reason: 'mended' }]);
    }
    expect(logsOf(system, 6, 'redriven')).toEqual([]);
    expect((await redrive({})).json).toEqual({ matched: 0, redriven: 0, sample: [] });
  });

  test.each([
    [{ task_type: 'other' }, [5]],
    [{ owner_id: 'carol' }, [4]],
    [{ error_contains: '%' }, [1]],
    [{ error_contains: '_' }, [3]],
    [{ error_contains: '100' }, [1, 2]],
    [{ error_contains: 'TIMEOUT' }, []],
    [{ error_contains: "' OR 1=1 --" }, []],
    [{ error_contains: 'a', task_type: 'test', owner_id: 'carol' }, [4]],
    [{ task_type: 'nobody' }, []],
  ])('with %j redrives exactly the jobs %j', async (filter, expected) => {
    await fill();
    const { json } = await redrive(filter);
    expect(json).toMatchObject({ matched: expected.length, redriven: expected.length });
    expect(pending()).toEqual([...expected, 6]);
  });

  test('with a limit takes the oldest, and says how many match in all', async () => {
    await fill();
    expect((await redrive({ limit: 2 })).json).toMatchObject({ matched: 5, redriven: 2 });
    expect(pending()).toEqual([1, 2, 6]);
    expect((await redrive({ limit: 2 })).json).toMatchObject({ matched: 3, redriven: 2 });
    expect(pending()).toEqual([1, 2, 3, 4, 6]);
  });

  test('shows at most ten jobs', async () => {
    await insert(system, ...Array.from({ length: 12 }, () => ({})));
    await bury();
    const { json } = await redrive({ dry_run: true });
    expect([json.matched, json.sample.length]).toEqual([12, 10]);
  });
});
