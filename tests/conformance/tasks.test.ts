import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { conform } from './conform.ts';
import { Receiver } from './receiver.ts';

const mails: string[] = [];
const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, _, done) {
    let text = '';
    stream.on('data', (chunk) => (text += chunk));
    stream.on('end', () => {
      mails.push(text);
      done(null);
    });
  },
});
await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
const { port } = smtp.server.address() as AddressInfo;
const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.open();
});
afterAll(async () => {
  await receiver.close();
  await new Promise<void>((resolve) => smtp.close(resolve));
});

conform(
  { EMAIL_URL: `smtp://127.0.0.1:${port}`, EMAIL_FROM: 'Clock <clock@example.com>', WEBHOOK_SECRET: secret },
  (on) => {
    test('sends a mail whose Message-ID is made of the job', async () => {
      const payload = { to: 'ada@example.com', subject: 'Grüße', text: 'It ticks.', reply_to: 'bob@example.com' };
      const { id } = await on().schedule('sendEmail', payload);
      expect(await on().tick('process-batch')).toMatchObject({ done: 1 });
      const mail = mails.splice(0).join();
      expect(mail).toContain(`Message-ID: <${id}@example.com>`);
      expect(mail).toContain('Reply-To: bob@example.com');
      expect((await on().job(id)).result).toMatchObject({ accepted: ['ada@example.com'] });
    });

    test('calls a webhook once, signed, with the id of the job', async () => {
      receiver.hits.splice(0);
      const body = { hello: ['wörld', 1.5] };
      const { id } = await on().schedule('webhook', { url: receiver.url, headers: { 'X-Kind': 'test' }, body });
      expect(await on().tick('process-batch')).toMatchObject({ done: 1 });
      const [hit, ...more] = receiver.hits.splice(0);
      expect(more).toEqual([]);
      expect(hit).toMatchObject({
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'webhook-id': id, 'x-kind': 'test' },
      });
      expect(new Webhook(secret).verify(hit?.body ?? '', hit?.headers as Record<string, string>)).toEqual(body);
    });

    test('does not follow a redirect, and fails for good on it', async () => {
      Object.assign(receiver, { status: 302, headers: { location: receiver.url } });
      receiver.hits.splice(0);
      const { id } = await on().schedule('webhook', { url: receiver.url });
      expect(await on().tick('process-batch')).toMatchObject({ failed: 1 });
      expect((await on().job(id)).error).toContain('redirects are not followed');
      expect(receiver.hits).toHaveLength(1);
      Object.assign(receiver, { status: 200, headers: {} });
    });

    test('retries what could not be reached', async () => {
      const { id } = await on().schedule('webhook', { url: 'http://127.0.0.1:1/' });
      expect(await on().tick('process-batch')).toMatchObject({ failed: 1 });
      const { error, status } = await on().job(id);
      expect([status, error]).toEqual(['failed', expect.stringMatching(/^The receiver could not be reached: ./)]);
      await on().tick('coordinate');
      expect((await on().job(id)).status).not.toBe('dlq');
    });

    test('transforms, and fails for good where an expression does not fit its input', async () => {
      const expression = 'people[?age > `30`] | sort_by(@, &name)[].name';
      const people = [
        { name: 'Zoe', age: 40 },
        { name: 'Ada', age: 36 },
        { name: 'Tom', age: 12 },
      ];
      const fit = await on().schedule('transform', { input: { people }, expression });
      const unfit = await on().schedule('transform', { input: 'text', expression: 'abs(@)' });
      expect(await on().tick('process-batch')).toMatchObject({ done: 1, failed: 1 });
      expect((await on().job(fit.id)).result).toEqual(['Ada', 'Zoe']);
      await on().tick('coordinate');
      expect((await on().job(unfit.id)).status).toBe('dlq');
    });

    test('stores results of every kind of JSON as they are', async () => {
      const inputs = [null, true, 0, -1.5, '', 'ключ 🔑\n', [], {}, { a: [{ b: null }] }];
      const ids = [];
      for (const input of inputs) ids.push((await on().schedule('transform', { input, expression: '@' })).id);
      await on().tick('process-batch');
      for (const [i, id] of ids.entries())
        expect(await on().job(id)).toMatchObject({ status: 'done', result: inputs[i] });
    }, 30_000);

    test('claims, runs and settles many jobs with the largest payloads and results there are', async () => {
      const input = 'x'.repeat(262_144 - 64);
      for (let i = 0; i < 8; i++) {
        const jobs = Array.from({ length: 3 }, () => ({ task_type: 'transform', payload: { input, expression: '@' } }));
        expect((await on().call('POST', '/v1/jobs/batch', { jobs })).status).toBe(201);
      }
      expect(await on().tick('process-batch')).toMatchObject({ claimed: 24, done: 24, stale: 0 });
      const [row] = await on().sql<{ n: number; least: number }>(
        'SELECT count(*) AS n, min(length(result)) AS least FROM jobs',
      );
      expect(row).toEqual({ n: 24, least: input.length + 2 });
    });
  },
);
