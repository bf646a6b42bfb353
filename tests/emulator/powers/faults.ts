import { afterEach, describe, expect, test } from 'vitest';
import { pause, type Server } from '../../support/server.ts';

export const faultsSuite = (server: () => Server) =>
  describe('with faults on demand', () => {
    afterEach(async () => {
      await server().call('DELETE', '/__emulator/faults');
      // What one test has switched off is not to fail the next.
      for (const name of ['crons', 'claiming']) await set(name, true);
    });

    const fault = async (body: object) => {
      const { status, json } = await server().call('POST', '/__emulator/faults', body);
      expect(status, JSON.stringify(json)).toBe(200);
      return json.items;
    };
    const set = (name: string, on: boolean) => server().call('POST', `/__emulator/${name}`, { on });
    const errors = async (id: string) =>
      (await server().call('GET', `/v1/logs?job_id=${id}&event=failed`)).json.items.map(
        ({ message }: { message: string }) => message,
      );

    test('the next runs of a type fail as often as was asked, with the error that was given', async () => {
      expect(await fault({ kind: 'fail', task_type: 'sleep', times: 2, error: 'no luck' })).toHaveLength(1);
      const other = await server().schedule('transform', { input: 1, expression: '@' });
      const { id } = await server().schedule('sleep', { ms: 1 });
      expect(await server().until(id, ['done'])).toMatchObject({ retries: 2 });
      expect(await errors(id)).toEqual(['no luck', 'no luck']);
      expect((await server().until(other.id, ['done'])).retries).toBe(0);
      expect((await server().call('GET', '/__emulator/faults')).json).toEqual({ items: [] });
    });

    test('a worker that is killed writes nothing; its lease expires, and its job is run again', async () => {
      const { id } = await server().schedule('sleep', { ms: 300 });
      await server().call('POST', '/__emulator/time', { action: 'freeze' });
      const before = await server().until(id, ['running', 'done']);
      const held = before.status === 'done' ? await server().schedule('sleep', { ms: 300 }) : before;
      await server().until(held.id, ['running']);
      await fault({ kind: 'kill' });
      await server().call('POST', '/__emulator/time', { action: 'jump', ms: 1000 });
      await server().call('POST', '/__emulator/ticks/process-batch');
      expect((await server().call('GET', `/v1/jobs/${held.id}`)).json).toMatchObject({
        status: 'running',
        lease_epoch: 1,
      });
      await server().call('POST', '/__emulator/time', { action: 'jump', ms: 5000 });
      await server().call('POST', '/__emulator/time', { action: 'resume' });
      expect(await server().until(held.id, ['done'])).toMatchObject({ interruptions: 1, lease_epoch: 2, retries: 0 });
    });

    test('with a slow database every call takes longer, and the answer is the same', async () => {
      await fault({ kind: 'slow', ms: 300 });
      const start = performance.now();
      const { id } = await server().schedule('sleep', { ms: 1 });
      expect(performance.now() - start).toBeGreaterThan(300);
      await server().call('DELETE', '/__emulator/faults');
      await server().until(id, ['done']);
    });

    test('a worker whose clock is ahead begins before the time that the API shows', async () => {
      await fault({ kind: 'skew', ms: 600_000 });
      const { id, run_at } = await server().schedule('sleep', { ms: 1 }, { delay_ms: 300_000 });
      const { started_at } = await server().until(id, ['done']);
      expect(Date.parse(started_at)).toBeGreaterThan(Date.parse(run_at));
      expect((await server().call('GET', '/__emulator/state')).json.now < run_at).toBe(true);
    });

    test('while claiming is paused ticks run and claim nothing', async () => {
      expect((await set('claiming', false)).json).toMatchObject({ claiming: false, crons: true });
      const { id } = await server().schedule('sleep', { ms: 1 });
      expect((await server().call('POST', '/__emulator/ticks/process-batch')).json.claimed).toBe(0);
      expect((await server().call('GET', `/v1/jobs/${id}`)).json.status).toBe('pending');
      await set('claiming', true);
      await server().until(id, ['done']);
    });

    test('with the crons off nothing begins by itself, and any tick by hand', async () => {
      expect((await set('crons', false)).json.crons).toBe(false);
      const { id } = await server().schedule('sleep', { ms: 1 });
      await pause(1200);
      expect((await server().call('GET', `/v1/jobs/${id}`)).json.status).toBe('pending');
      expect((await server().call('POST', '/__emulator/ticks/process-batch')).json).toMatchObject({
        claimed: 1,
        done: 1,
      });
      expect((await server().call('GET', `/v1/jobs/${id}`)).json.status).toBe('done');
      expect((await server().call('POST', '/__emulator/ticks/nothing')).status).toBe(404);
      await set('crons', true);
    });
  });
