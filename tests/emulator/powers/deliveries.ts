import { expect, test } from 'vitest';
import { freePort, type Server } from '../../support/server.ts';

export function deliveriesSuite(server: () => Server, runtime: string): void {
  const get = async (path: string) => (await server().call('GET', path)).json;

  test('without a mail server a mail arrives in the mailbox, whole, and only there', async () => {
    const mail = { to: 'ada@example.com', subject: 'Tick – tock', text: 'It ticks.', html: '<b>It ticks.</b>' };
    const { id } = await server().schedule('sendEmail', { ...mail, bcc: 'eve@example.com' });
    await server().until(id, ['done']);
    const [{ id: number, ...line }, ...others] = (await get('/__emulator/mailbox')).items;
    expect(line).toEqual({
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      ...{ from: 'escapement@localhost', to: ['ada@example.com', 'eve@example.com'], subject: mail.subject },
    });
    expect(others).toEqual([]);
    const whole = await get(`/__emulator/mailbox/${number}`);
    expect(whole).toMatchObject({ text: expect.stringContaining('It ticks.'), html: expect.stringContaining('<b>') });
    expect(whole.headers).toMatchObject({ 'x-escapement-job': id, to: 'ada@example.com' });
    expect(whole.headers).not.toHaveProperty('bcc');
    expect((await server().call('DELETE', '/__emulator/mailbox')).json).toEqual({ items: [] });
    expect((await server().call('GET', `/__emulator/mailbox/${number}`)).status).toBe(404);
  });

  test('a bin keeps what webhooks send it, and answers as it was told', async () => {
    const answer = { status: 418, delay_ms: 50, headers: { 'x-pot': 'short' }, body: 'a teapot' };
    const { json: bin } = await server().call('PUT', '/__emulator/bins/tea', answer);
    expect(bin).toMatchObject({ name: 'tea', url: `${server().url}/__emulator/bin/tea`, requests: 0, ...answer });
    const { id } = await server().schedule('webhook', { url: `${bin.url}?n=1`, body: { hello: 'world' } });
    expect((await server().until(id, ['failed', 'dlq'])).error).toBe('The receiver answered 418: a teapot');
    const { items } = await get('/__emulator/bins/tea/requests');
    expect(items).toMatchObject([
      { method: 'POST', path: '/__emulator/bin/tea?n=1', body: '{"hello":"world"}', headers: { 'webhook-id': id } },
    ]);
    expect((await get('/__emulator/bins')).items).toMatchObject([{ name: 'tea', requests: 1 }]);
    await server().call('DELETE', '/__emulator/bins/tea/requests');
    expect(await get('/__emulator/bins/tea/requests')).toEqual({ items: [] });
    expect((await server().call('PUT', '/__emulator/bins/tea', { status: 99 })).status).toBe(422);
  });

  test('of this machine webhooks reach bins and nothing else', async () => {
    const urls = [
      `http://127.0.0.1:${await freePort()}/__emulator/bin/x`,
      `${server().url}/healthz`,
      `${server().url}/__emulator/reset`,
      `${server().url}/__emulator/bin/../reset`,
      `${server().url}/__emulator/bin/%2e%2e/reset`,
    ];
    for (const url of urls) {
      const { id } = await server().schedule('webhook', { url });
      const { error } = await server().until(id, ['failed', 'dlq']);
      expect(error, url).toMatch(/is not a public address|answered 40[34]/);
    }
    expect((await get('/v1/jobs/report')).totals.dlq + (await get('/v1/jobs/report')).totals.failed).toBeGreaterThan(4);
  });

  test('requests are kept with their answers, without tokens, and sent again as they were or changed', async () => {
    const { id } = await server().schedule('sleep', { ms: 1 }, { idempotency_key: `again-${runtime}` });
    await server().call('GET', '/v1/jobs?limit=1');
    const [read, write] = (await get('/__emulator/requests')).items;
    expect(read).toMatchObject({ method: 'GET', path: '/v1/jobs?limit=1', status: 200, body: null });
    expect(write).toMatchObject({ method: 'POST', path: '/v1/jobs', status: 201 });
    expect(write.headers['x-user-auth']).toBe('(hidden)');
    const replay = async (change?: object) =>
      (await server().call('POST', `/__emulator/requests/${write.id}/replay`, change)).json;
    expect(await replay()).toMatchObject({ status: 200, body: { id } });
    const other = await replay({ body: { task_type: 'sleep', payload: { ms: 2 } } });
    expect(other).toMatchObject({ status: 201, body: { payload: { ms: 2 } } });
    expect(await replay({ headers: { 'x-user-auth': 'nobody-at-all' } })).toMatchObject({ status: 401 });
    expect((await server().call('POST', '/__emulator/requests/0/replay')).status).toBe(404);
  });
}
