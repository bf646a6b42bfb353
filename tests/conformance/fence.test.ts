import { expect, test } from 'vitest';
import { conform } from './conform.ts';

conform({}, (on) => {
  /** A job taken over while its first worker still runs it: both ticks, and the job's id. */
  async function takenOver(ms: number) {
    const { id } = await on().schedule('sleep', { ms });
    const old = on().tick('process-batch');
    await on().until(id, 'running');
    await on().age(id, 'lease_until');
    expect(await on().tick('coordinate')).toMatchObject({ reclaimed: 1 });
    const fresh = on().tick('process-batch');
    const taken = await on().until(id, 'running');
    expect(taken).toMatchObject({ lease_epoch: 2, interruptions: 1 });
    return { id, old, fresh, worker: taken.lease_worker };
  }

  test('a stale worker settles nothing while the new owner runs the job, and a log row says so', async () => {
    const { id, old, fresh, worker } = await takenOver(3000);
    expect(await old).toMatchObject({ claimed: 1, done: 0, stale: 1 });
    const between = await on().job(id);
    // The new owner, which began later, is still at it or has settled; the stale worker changed nothing of either.
    expect(between.lease_epoch).toBe(2);
    if (between.status === 'running') expect(between.lease_worker).toBe(worker);
    expect(await fresh).toMatchObject({ done: 1, stale: 0 });
    expect(await on().job(id)).toMatchObject({ status: 'done', result: { slept_ms: 3000 }, retries: 0 });

    const { json } = await on().call('GET', `/v1/logs?job_id=${id}&limit=100`);
    const log = json.items.reverse().map(({ event, epoch }: { event: string; epoch: number }) => [event, epoch]);
    expect(log.filter(([event]: [string]) => event !== 'stale')).toEqual([
      ['scheduled', null],
      ['claimed', 1],
      ['reclaimed', 1],
      ['claimed', 2],
      ['done', 2],
    ]);
    expect(log.filter(([event]: [string]) => event === 'stale')).toEqual([['stale', 1]]);
  });

  test('a stale worker settles nothing of a job that waits to be claimed again', async () => {
    const { id } = await on().schedule('sleep', { ms: 1500 });
    const old = on().tick('process-batch');
    await on().until(id, 'running');
    await on().age(id, 'lease_until');
    await on().tick('coordinate');
    expect(await old).toMatchObject({ done: 0, stale: 1 });
    expect(await on().job(id)).toMatchObject({ status: 'pending', result: null, lease_epoch: 1 });
    expect(await on().tick('process-batch')).toMatchObject({ done: 1 });
  });

  test('a stale worker settles nothing of a job that was cancelled in between', async () => {
    const { id } = await on().schedule('sleep', { ms: 1500 });
    const old = on().tick('process-batch');
    await on().until(id, 'running');
    await on().age(id, 'lease_until');
    await on().tick('coordinate');
    expect(await on().fate('POST', `/v1/jobs/${id}/cancel`)).toEqual([200, null]);
    const before = await on().job(id);
    expect(await old).toMatchObject({ done: 0, stale: 1 });
    expect(await on().job(id)).toEqual(before);
  });

  test('a worker whose lease expired still settles as long as nobody took it back', async () => {
    const { id } = await on().schedule('sleep', { ms: 1000 });
    const tick = on().tick('process-batch');
    await on().until(id, 'running');
    await on().age(id, 'lease_until');
    expect(await tick).toMatchObject({ done: 1, stale: 0 });
    expect(await on().events(id)).toEqual(['scheduled', 'claimed', 'done']);
  });
});

conform({ LEASE_MS: '900' }, (on) => {
  test("a stale worker's heartbeat keeps no lease, and it stops its handler", async () => {
    const { id } = await on().schedule('sleep', { ms: 60_000 });
    const old = on().tick('process-batch');
    await on().until(id, 'running');
    await on().sql('UPDATE jobs SET lease_until = 1 WHERE id = ?1 RETURNING seq', id);
    // A heartbeat may have come first and renewed it: then it is aged again.
    while ((await on().tick('coordinate')).reclaimed === 0) await on().age(id, 'lease_until');
    expect(await old).toMatchObject({ done: 0, stale: 1 });
    expect(await on().job(id)).toMatchObject({ status: 'pending', lease_epoch: 1, lease_until: null });
    const { json } = await on().call('GET', `/v1/logs?job_id=${id}&event=stale`);
    expect(json.items).toMatchObject([{ message: 'A heartbeat came after the lease was lost.', epoch: 1 }]);
    await on().call('POST', `/v1/jobs/${id}/cancel`);
  });
});
