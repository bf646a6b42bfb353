import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { transitions } from '../../core/lifecycle/states.ts';
import { ADMIN } from '../support/system.ts';
import { conform, type Subject } from './conform.ts';
import { Receiver } from './receiver.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.open();
});
beforeEach(() => {
  Object.assign(receiver, { status: 200, headers: {} });
  receiver.hits.splice(0);
});
afterAll(() => receiver.close());

const settings = {
  MAX_INTERRUPTIONS: '1',
  MAX_DLQ_REDRIVES: '1',
  DLQ_REDRIVE_AFTER_MS: '3600000',
  BACKOFF_BASE_MS: '3600000',
  RETENTION_DAYS: '30',
};

conform(settings, (on) => {
  const reached = new Set<string>();

  const webhook = (more: object = {}) => on().schedule('webhook', { url: receiver.url, body: {} }, more);
  const act = (id: string, what: 'cancel' | 'redrive', token = ADMIN) =>
    on().fate('POST', `/v1/jobs/${id}/${what}`, what === 'redrive' ? { reason: 'mended' } : undefined, { token });

  /** Every status, reached through the real operations. */
  const reach: Record<string, (subject: Subject) => Promise<string>> = {
    pending: async () => (await webhook({ delay_ms: 3_600_000 })).id,
    done: async () => {
      const { id } = await webhook();
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 1, done: 1 });
      return id;
    },
    failed: async () => {
      receiver.status = 500;
      const { id } = await webhook();
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 1, failed: 1 });
      return id;
    },
    dlq: async () => {
      receiver.status = 400;
      const { id } = await webhook();
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 1, failed: 1 });
      expect(await on().tick('coordinate')).toMatchObject({ buried: 1 });
      return id;
    },
    cancelled: async (subject) => {
      const id = (await webhook({ delay_ms: 3_600_000 })).id;
      expect(await act(id, 'cancel')).toEqual([200, null]);
      expect((await subject.job(id)).status).toBe('cancelled');
      return id;
    },
  };

  /** A job whose worker still runs it; `ended` is that worker's tick. */
  async function running(ms = 1500): Promise<{ id: string; ended: Promise<Record<string, number>> }> {
    const { id } = await on().schedule('sleep', { ms });
    const ended = on().tick('process-batch');
    await on().until(id, 'running');
    return { id, ended };
  }

  /** What the log says of each transition, for the last test. */
  async function note(id: string): Promise<void> {
    const { json } = await on().call('GET', `/v1/logs?job_id=${id}&limit=100`);
    for (const { from_status, to_status, event } of json.items) reached.add(`${from_status} ${to_status} ${event}`);
  }

  describe('a job', () => {
    test('goes from pending through running to done, with its result and its times', async () => {
      const id = await reach.done?.(on());
      const job = await on().job(id as string);
      expect(job).toMatchObject({
        ...{ status: 'done', result: { status: 200, body: 'thank you' }, error: null, lease_epoch: 1 },
        ...{ retries: 0, lease_worker: null, lease_until: null, priority: 0, interruptions: 0 },
      });
      expect(Date.parse(job.finished_at as string)).toBeGreaterThanOrEqual(Date.parse(job.started_at as string));
      expect(await on().events(job.id)).toEqual(['scheduled', 'claimed', 'done']);
      await note(job.id);
    });

    test('is not claimed before its time, and is when it has come', async () => {
      const { id } = await webhook({ delay_ms: 3_600_000 });
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 0 });
      expect((await on().job(id)).status).toBe('pending');
      await on().age(id, 'run_at');
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 1, done: 1 });
    });

    test('that failed waits for its backoff, is retried when that is over, and fails for good when retries are spent', async () => {
      receiver.status = 503;
      const { id } = await webhook({ max_retries: 1 });
      await on().tick('process-batch');
      const failed = await on().job(id);
      expect(failed).toMatchObject({ status: 'failed', retries: 1, error: 'The receiver answered 503: thank you' });
      const wait = Date.parse(failed.run_at) - Date.parse(failed.finished_at ?? failed.started_at ?? '');
      expect(wait).toBeLessThanOrEqual(3_700_000);

      await on().sql('UPDATE jobs SET run_at = ?1 RETURNING seq', Date.now() + 60_000);
      expect(await on().tick('coordinate')).toMatchObject({ retried: 0, buried: 0 });
      await on().age(id, 'run_at');
      expect(await on().tick('coordinate')).toMatchObject({ retried: 1, buried: 0 });
      expect((await on().job(id)).status).toBe('pending');
      expect(await on().tick('process-batch')).toMatchObject({ failed: 1 });
      expect(await on().tick('coordinate')).toMatchObject({ retried: 0, buried: 1 });
      expect(await on().job(id)).toMatchObject({ status: 'dlq', retries: 2, lease_epoch: 2 });
      expect(receiver.hits).toHaveLength(2);
      await note(id);
    });

    test('that failed by a Retry-After waits at least that long', async () => {
      Object.assign(receiver, { status: 429, headers: { 'retry-after': '120' } });
      const { id } = await webhook();
      const before = Date.now();
      await on().tick('process-batch');
      expect(Date.parse((await on().job(id)).run_at)).toBeGreaterThanOrEqual(before + 119_000);
    });

    test('is redriven by the coordinator once, a while after burial, and begins anew', async () => {
      const id = (await reach.dlq?.(on())) as string;
      expect(await on().tick('coordinate')).toMatchObject({ redriven: 0 });
      await on().age(id, 'finished_at');
      expect(await on().tick('coordinate')).toMatchObject({ redriven: 1 });
      expect(await on().job(id)).toMatchObject({ status: 'pending', retries: 0, dlq_redrives: 1, finished_at: null });
      await on().tick('process-batch');
      expect(await on().tick('coordinate')).toMatchObject({ buried: 1 });
      await on().age(id, 'finished_at');
      expect(await on().tick('coordinate')).toMatchObject({ redriven: 0 });
      expect((await on().job(id)).status).toBe('dlq');
      await note(id);
    });

    test('is redriven by an operator as often as one asks, and its log names the reason and the actor', async () => {
      const id = (await reach.dlq?.(on())) as string;
      for (let n = 0; n < 2; n++) {
        expect(await act(id, 'redrive')).toEqual([200, null]);
        expect(await on().job(id)).toMatchObject({ status: 'pending', retries: 0, dlq_redrives: 0 });
        await on().tick('process-batch');
        await on().tick('coordinate');
      }
      const { json } = await on().call('GET', `/v1/logs?job_id=${id}&event=redriven`);
      expect(json.items).toHaveLength(2);
      expect(json.items[0]).toMatchObject({ data: { actor: 'bootstrap', reason: 'mended' }, message: 'mended' });
    });

    test('whose lease expired is reclaimed without a charge, once too often buried', async () => {
      const first = await running();
      expect(await on().tick('coordinate')).toMatchObject({ reclaimed: 0 });
      await on().age(first.id, 'lease_until');
      expect(await on().tick('coordinate')).toMatchObject({ reclaimed: 1 });
      expect(await on().job(first.id)).toMatchObject({ status: 'pending', interruptions: 1, retries: 0 });
      const second = on().tick('process-batch');
      await on().until(first.id, 'running');
      await on().age(first.id, 'lease_until');
      expect(await on().tick('coordinate')).toMatchObject({ reclaimed: 1 });
      const buried = await on().job(first.id);
      expect(buried).toMatchObject({ status: 'dlq', interruptions: 2, retries: 0, lease_epoch: 2 });
      expect(buried.error).toContain('2 times');
      expect(await first.ended).toMatchObject({ done: 0, stale: 1 });
      expect(await second).toMatchObject({ done: 0, stale: 1 });
      expect((await on().job(first.id)).status).toBe('dlq');
      await note(first.id);
    });

    test('that is running is cancelled when its worker notices, and nothing it comes to is kept', async () => {
      const { id, ended } = await running(10_000);
      expect(await act(id, 'cancel')).toEqual([200, null]);
      expect((await on().job(id)).cancel_requested_at).not.toBe(null);
      expect(await ended).toMatchObject({ cancelled: 1, done: 0 });
      expect(await on().job(id)).toMatchObject({ status: 'cancelled', result: null, cancel_requested_at: null });
      expect(await on().events(id)).toEqual(['scheduled', 'claimed', 'cancel_requested', 'cancelled']);
      await note(id);
    });

    test('that was to be cancelled and lost its worker is cancelled, not run again', async () => {
      const { id, ended } = await running();
      await act(id, 'cancel');
      await on().age(id, 'lease_until');
      await Promise.all([on().tick('coordinate'), ended]);
      await on().tick('process-batch');
      expect((await on().job(id)).status).toBe('cancelled');
      expect((await on().events(id)).filter((event) => event === 'claimed')).toHaveLength(1);
    });

    test('runs out of time after its timeout_ms', async () => {
      const { id } = await on().schedule('sleep', { ms: 60_000 }, { timeout_ms: 300, max_retries: 0 });
      expect(await on().tick('process-batch')).toMatchObject({ failed: 1 });
      expect((await on().job(id)).error).toBe('The job ran out of time after 300 ms.');
    });

    test.each(['pending', 'failed', 'dlq'])('that is %s is cancelled at once, and stays so', async (status) => {
      const id = (await reach[status]?.(on())) as string;
      expect((await on().job(id)).status).toBe(status);
      expect(await act(id, 'cancel')).toEqual([200, null]);
      expect(await on().job(id)).toMatchObject({ status: 'cancelled', finished_at: expect.any(String) });
      await note(id);
      await on().age(id, 'run_at');
      await on().tick('coordinate');
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 0 });
      expect((await on().job(id)).status).toBe('cancelled');
    });

    test.each(['done', 'cancelled'])(
      'that is %s is pruned after its time, and one row still names it',
      async (status) => {
        const id = (await reach[status]?.(on())) as string;
        await on().tick('coordinate');
        expect(await on().tick('coordinate')).toMatchObject({ pruned: 0 });
        await on().age(id, 'finished_at');
        expect(await on().tick('coordinate')).toMatchObject({ pruned: 1 });
        expect(await on().fate('GET', `/v1/jobs/${id}`)).toEqual([404, 'not_found']);
        expect(await on().events(id)).toEqual(['pruned']);
        await note(id);
      },
    );

    test('that is in the dead-letter queue, failed or pending is not pruned, however old', async () => {
      const id = (await reach.dlq?.(on())) as string;
      await on().sql('UPDATE jobs SET dlq_redrives = 1, created_at = 1, finished_at = 1 RETURNING seq');
      expect(await on().tick('coordinate')).toMatchObject({ pruned: 0, redriven: 0 });
      expect((await on().job(id)).status).toBe('dlq');
    });
  });

  describe('what a state does not allow', () => {
    test.each(['pending', 'failed', 'done', 'cancelled'])(
      'a redrive of a %s job is a 409 and changes nothing',
      async (status) => {
        const id = (await reach[status]?.(on())) as string;
        const [before, size] = [await on().job(id), await on().size()];
        expect(await act(id, 'redrive')).toEqual([409, 'job_not_in_dlq']);
        expect([await on().job(id), await on().size()]).toEqual([before, size]);
      },
    );

    test.each(['done', 'cancelled'])('a cancel of a %s job is a 409 and changes nothing', async (status) => {
      const id = (await reach[status]?.(on())) as string;
      const [before, size] = [await on().job(id), await on().size()];
      expect(await act(id, 'cancel')).toEqual([409, 'job_finished']);
      expect([await on().job(id), await on().size()]).toEqual([before, size]);
    });

    test.each(['pending', 'failed', 'dlq'])(
      "another's %s job does not exist: 404 for every act, and nothing changes",
      async (status) => {
        const id = (await reach[status]?.(on())) as string;
        const { token } = await on().user();
        const [before, size] = [await on().job(id), await on().size()];
        for (const what of ['cancel', 'redrive'] as const)
          expect(await act(id, what, token)).toEqual([404, 'not_found']);
        expect(await on().fate('GET', `/v1/jobs/${id}`, undefined, { token })).toEqual([404, 'not_found']);
        expect([await on().job(id), await on().size()]).toEqual([before, size]);
      },
    );

    test('the database itself refuses an epoch that falls, a status that is none, and a half lease', async () => {
      const { id, ended } = await running(500);
      for (const set of ['lease_epoch = 0', "status = 'lost'", 'lease_until = NULL', "status = 'done'"])
        await expect(on().sql(`UPDATE jobs SET ${set} WHERE id = ?1 RETURNING seq`, id), set).rejects.toThrow();
      await ended;
    });
  });

  describe('ticks', () => {
    test('that overlap do each thing once', async () => {
      receiver.status = 400;
      const { json } = await on().call('POST', '/v1/jobs/batch', {
        jobs: Array.from({ length: 30 }, () => ({ task_type: 'webhook', payload: { url: receiver.url } })),
      });
      const counts = await Promise.all([
        on().tick('process-batch'),
        on().tick('process-batch'),
        on().tick('process-batch'),
      ]);
      expect(counts.reduce((sum, { failed = 0 }) => sum + failed, 0)).toBe(json.items.length);
      expect(receiver.hits).toHaveLength(30);
      const buried = await Promise.all([on().tick('coordinate'), on().tick('coordinate')]);
      expect(buried.reduce((sum, { buried: n = 0 }) => sum + n, 0)).toBe(30);
    });

    test('with nothing to do write nothing', async () => {
      const size = await on().size();
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 0 });
      await on().tick('coordinate');
      expect(await on().size()).toEqual(size);
    });

    test('say when more falls due', async () => {
      const at = Date.now() + 3_600_000;
      await webhook({ run_at: new Date(at).toISOString() });
      expect(await on().tick('process-batch')).toMatchObject({ next_at: at });
    });
  });

  test('all tests together made every transition of the table but the release of a claim', () => {
    const table = transitions.map(({ from, to, event }) => `${from} ${to} ${event}`);
    const seen = [...reached].filter((one) => table.includes(one));
    expect(seen.sort()).toEqual(table.filter((one) => one !== 'running pending released').sort());
  });
});

// Claims of three for two slots.
conform({ LEASE_MS: '900', PROCESS_CONCURRENCY: '2', PROCESS_BATCH_SIZE: '3' }, (on) => {
  test('a job that was claimed and found no slot in time goes back without a charge, and is run by the next tick', async () => {
    // Short ones first: a worker that knows its jobs to be short claims ahead of its slots. It does not know it at its
    // first claim, which is of two; of those that follow, the long ones have one to themselves, with one that must wait.
    const times = [...Array(2 + 3 * 10).fill(0), 1500, 1500, 0];
    const sleeps = times.map((ms) => ({ task_type: 'sleep', payload: { ms } }));
    const { json } = await on().call('POST', '/v1/jobs/batch', { jobs: sleeps });
    const counts = await on().tick('process-batch');
    expect(counts).toMatchObject({ released: 1, failed: 0, stale: 0 });
    await on().tick('process-batch');
    for (const { id } of json.items)
      expect(await on().job(id)).toMatchObject({ status: 'done', retries: 0, interruptions: 0 });
    const released = (await on().call('GET', '/v1/logs?event=released')).json.items;
    expect(released.length).toBe(counts.released);
    expect(released[0]).toMatchObject({
      from_status: 'running',
      to_status: 'pending',
      message: 'No slot came free in time.',
    });
  });

  test('a heartbeat keeps the lease of a job that runs longer than it', async () => {
    const { id } = await on().schedule('sleep', { ms: 2500 });
    const ended = on().tick('process-batch');
    const { lease_until } = await on().until(id, 'running');
    for (let i = 0; i < 4; i++) expect(await on().tick('coordinate')).toMatchObject({ reclaimed: 0 });
    expect(await ended).toMatchObject({ done: 1, stale: 0 });
    expect(await on().job(id)).toMatchObject({ status: 'done', lease_epoch: 1, interruptions: 0 });
    expect(lease_until).not.toBe(null);
  });
});

// One at a time: the receiver sees jobs in the order in which they were claimed.
conform({ PROCESS_CONCURRENCY: '1' }, (on) => {
  test('a job of a higher priority is claimed first, then the one due first, then the one inserted first', async () => {
    const past = (minutes: number) => ({ run_at: new Date(Date.now() - minutes * 60_000).toISOString() });
    const early = past(5);
    const bodies: [string, object][] = [
      ['late', past(1)],
      ['early', early],
      ['early too', early],
      ['urgent', { priority: 5, ...past(0) }],
      ['idle', { priority: -1000, ...past(9) }],
    ];
    for (const [name, more] of bodies) await on().schedule('webhook', { url: receiver.url, body: name }, more);
    await on().tick('process-batch');
    expect(receiver.hits.map(({ body }) => body)).toEqual(['urgent', 'early', 'early too', 'late', 'idle']);
  });
});
