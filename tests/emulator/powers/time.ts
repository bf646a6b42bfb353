import { expect, test } from 'vitest';
import { pause, type Server } from '../../support/server.ts';

const HOUR = 3_600_000;

export function timeSuite(server: () => Server): void {
  const time = async (action: string, ms?: number) => {
    const { status, json } = await server().call('POST', '/__emulator/time', { action, ms });
    expect(status, JSON.stringify(json)).toBe(200);
    return json;
  };
  const agenda = async (id: string) => {
    const { json } = await server().call('GET', '/__emulator/agenda?limit=1000');
    return json.items.filter(({ job_id }: { job_id: string }) => job_id === id);
  };

  test('a frozen clock stands, and a handler that runs keeps its lease however long it stands', async () => {
    const before = await time('freeze');
    const { id } = await server().schedule('sleep', { ms: 1000 });
    const { lease_until } = await server().until(id, ['running']);
    // Longer than the lease, by every clock but the emulator's.
    await pause(2200);
    expect((await server().call('POST', '/__emulator/ticks/coordinate')).json).toMatchObject({ reclaimed: 0 });
    expect((await server().call('GET', `/v1/jobs/${id}`)).json).toMatchObject({ status: 'running', lease_until });
    expect((await server().call('GET', '/__emulator/state')).json).toMatchObject({ now: before.now, frozen: true });
    expect((await time('step', 400)).now).toBe(new Date(Date.parse(before.now) + 400).toISOString());
    expect((await server().call('GET', `/v1/jobs/${id}`)).json.status).toBe('running');
    await time('step', 700);
    expect(await server().until(id, ['done'])).toMatchObject({ lease_epoch: 1, interruptions: 0 });
    expect(await time('resume')).toMatchObject({ frozen: false });
  });

  test('a handler that sleeps for a minute lives through a jump over it, and one whose time is over does not', async () => {
    await time('freeze');
    const long = await server().schedule('sleep', { ms: 60_000 }, { timeout_ms: 65_000 });
    const late = await server().schedule('sleep', { ms: 60_000 }, { timeout_ms: 55_000, max_retries: 0 });
    for (const { id } of [long, late]) await server().until(id, ['running']);
    await time('jump', 120_000);
    expect(await server().until(long.id, ['done'])).toMatchObject({ lease_epoch: 1, result: { slept_ms: 60_000 } });
    expect(await server().until(late.id, ['failed', 'dlq'])).toMatchObject({
      error: 'The job ran out of time after 55000 ms.',
    });
    await time('resume');
  });

  test('a retry two hours from now stands on the agenda, and comes when the clock is moved to it', async () => {
    const bin = (
      await server().call('PUT', '/__emulator/bins/busy', { status: 503, headers: { 'retry-after': '7200' } })
    ).json;
    const { id } = await server().schedule('webhook', { url: bin.url });
    const { run_at } = await server().until(id, ['failed']);
    expect(Date.parse(run_at)).toBeGreaterThan(Date.parse((await time('freeze')).now) + HOUR);
    expect(await agenda(id)).toMatchObject([
      { at: run_at, kind: 'retry', text: expect.stringContaining('retry 1 of 3') },
    ]);
    await server().call('PUT', '/__emulator/bins/busy', { status: 200, body: 'thank you' });
    let { now } = await time('next');
    while (now < run_at) ({ now } = await time('next'));
    expect(await server().until(id, ['done'])).toMatchObject({ result: { body: 'thank you' } });
    expect(await agenda(id)).toEqual([]);
    await time('resume');
  });

  test('what is due later, and the redrive of what is buried, stand on the agenda, too', async () => {
    await time('freeze');
    const later = await server().schedule('sleep', { ms: 0 }, { delay_ms: 60_000 });
    const refused = await server().schedule('webhook', { url: 'http://127.0.0.1:1/' }, { max_retries: 0 });
    await server().until(refused.id, ['failed', 'dlq']);
    await time('jump', 50_000);
    const { finished_at } = await server().until(refused.id, ['dlq']);
    expect(await agenda(later.id)).toMatchObject([{ at: later.run_at, kind: 'due' }]);
    expect(await agenda(refused.id)).toMatchObject([
      { at: new Date(Date.parse(finished_at) + HOUR).toISOString(), kind: 'redrive' },
    ]);
    await time('jump', HOUR);
    await server().until(later.id, ['done']);
    expect((await server().until(refused.id, ['failed', 'dlq', 'pending', 'running'])).dlq_redrives).toBe(1);
    await time('resume');
  });

  test('it stops gently although its clock stands', async () => {
    await time('freeze');
    // It would sleep for good by a clock that stands.
    const { id } = await server().schedule('sleep', { ms: 1000 });
    await server().until(id, ['running']);
    expect(await server().stop()).toBe(0);
  });
}
