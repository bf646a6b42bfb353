import { writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { certificate, key } from '../support/certificate.ts';
import { Mailbox, Refusal } from '../support/mailbox.ts';
import { cleanUp, freePort, pause, Server, tempFolder } from '../support/server.ts';
import type { Answer } from '../support/system.ts';

const mail = { to: 'ada@example.com', subject: 'Your report', text: 'It is ready.' };
const EMAIL_FROM = 'The Escapement <robot@clock.example>';
let mailbox: Mailbox;

beforeEach(async () => {
  mailbox = await Mailbox.start();
});
afterEach(async () => {
  await cleanUp();
  await mailbox.close();
});

describe('a mail', () => {
  test('arrives with all its fields, and the copy that is blind stays so', async () => {
    const server = await start();
    const payload = {
      to: 'ada@example.com',
      cc: 'charles@example.com',
      bcc: 'mary@example.com',
      reply_to: 'office@example.com',
      subject:
        'Grüße, 数学 & 🕰️: ein langer Betreff, der in keine einzelne Zeile eines Kopfes passt, denn er hört nicht auf',
      text: 'Zeile eins\nZeile zwei: ünïcode\n.\nund ein Punkt allein',
      html: '<p>Hallo <b>Ada</b> – 数学</p>',
    };
    const job = await run(server, payload);
    const id = `<${job.id}@clock.example>`;
    expect(job).toMatchObject({ status: 'done', retries: 0, result: { message_id: id, rejected: [] } });
    expect(job.result.accepted.sort()).toEqual(['ada@example.com', 'charles@example.com', 'mary@example.com']);
    expect(job.result.response).toMatch(/^250/);

    expect(mailbox.deliveries).toHaveLength(1);
    const [{ from, to, mail: arrived }] = mailbox.deliveries as [Mailbox['deliveries'][0]];
    expect(from).toBe('robot@clock.example');
    expect(to.sort()).toEqual(['ada@example.com', 'charles@example.com', 'mary@example.com']);
    expect(arrived).toMatchObject({ subject: payload.subject, messageId: id, html: payload.html });
    expect(arrived.text?.trim()).toBe(payload.text);
    expect(textsOf(arrived)).toEqual({
      from: '"The Escapement" <robot@clock.example>',
      to: 'ada@example.com',
      cc: 'charles@example.com',
      replyTo: 'office@example.com',
    });
    expect(arrived.headers.get('x-escapement-job')).toBe(job.id);
    expect(arrived.headers.has('bcc')).toBe(false);
    expect(JSON.stringify(arrived.headerLines)).not.toContain('mary');
  });

  test('of a text alone is a text alone', async () => {
    const server = await start();
    await run(server, mail);
    const arrived = mailbox.deliveries[0]?.mail;
    expect(arrived).toMatchObject({ subject: mail.subject, html: false, attachments: [] });
    expect(arrived?.text?.trim()).toBe(mail.text);
    expect(arrived?.headers.has('cc')).toBe(false);
  });

  test('that looks like a command to the client stays a text', async () => {
    const server = await start();
    const text =
      'file:///etc/passwd\nhttp://127.0.0.1:1/\n{"path":"/etc/passwd"}\nQUIT\r\n.\r\nMAIL FROM:<x@example.com>';
    await run(server, { ...mail, text });
    expect(mailbox.deliveries).toHaveLength(1);
    expect(mailbox.deliveries[0]?.mail.text?.trim()).toBe(text.replaceAll('\r\n', '\n'));
  });
});

describe('a server that refuses', () => {
  test('with 4xx is tried again, under the same Message-ID', async () => {
    const server = await start();
    mailbox.judgeMail = () => {
      if (mailbox.deliveries.length < 3) throw new Refusal(451, 'try later');
    };
    const job = await run(server, mail);
    expect(job).toMatchObject({ status: 'done', retries: 2 });
    const ids = mailbox.deliveries.map(({ mail: { messageId } }) => messageId);
    expect(ids).toEqual(Array(3).fill(`<${job.id}@clock.example>`));
  });

  test('with 5xx is not asked again, and its words are kept', async () => {
    const server = await start();
    mailbox.judgeMail = () => {
      throw new Refusal(554, 'no spam here');
    };
    const job = await run(server, mail);
    expect(job).toMatchObject({
      status: 'dlq',
      retries: 1,
      error: expect.stringMatching(/refused the mail: .*no spam here/),
    });
    expect(mailbox.deliveries).toHaveLength(1);
  });

  test('every recipient for now is tried again; for good, it is not', async () => {
    const server = await start();
    mailbox.judgeRecipient = (address) => {
      throw new Refusal(address.startsWith('busy') ? 450 : 550, `no ${address}`);
    };
    expect(await run(server, { ...mail, to: 'busy@example.com' }, { max_retries: 1 })).toMatchObject({ retries: 2 });
    expect(await run(server, mail, { max_retries: 1 })).toMatchObject({ status: 'dlq', retries: 1 });
    // The one who is busy may yet take it.
    expect(await run(server, { ...mail, cc: 'busy@example.com' }, { max_retries: 1 })).toMatchObject({ retries: 2 });
    expect(mailbox.deliveries).toEqual([]);
  });

  test('one recipient of two has the mail all the same, and the result names who was refused', async () => {
    const server = await start();
    mailbox.judgeRecipient = (address) => {
      if (address === mail.to) throw new Refusal(550, 'nobody');
    };
    const job = await run(server, { ...mail, cc: 'charles@example.com' });
    expect(job).toMatchObject({ status: 'done', result: { accepted: ['charles@example.com'], rejected: [mail.to] } });
  });
});

describe('a server that is in trouble', () => {
  test('is tried again when nobody listens', async () => {
    const server = await start({ EMAIL_URL: `smtp://127.0.0.1:${await freePort()}` });
    const job = await run(server, mail, { max_retries: 1 });
    expect(job).toMatchObject({
      status: 'dlq',
      retries: 2,
      error: expect.stringMatching(/could not be sent: .*ECONNREFUSED/),
    });
  });

  test('and never says hello is left after timeout_ms, the connection is closed, and it is tried again', async () => {
    let open = 0;
    const silent = net.createServer((socket) => {
      open += 1;
      socket
        .on('error', () => {})
        .on('close', () => {
          open -= 1;
        });
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const server = await start({ EMAIL_URL: `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    const job = await run(server, mail, { max_retries: 1, timeout_ms: 400 });
    expect(job).toMatchObject({ status: 'dlq', retries: 2, error: 'The job ran out of time after 400 ms.' });
    for (let i = 0; open > 0 && i < 40; i++) await pause(50);
    expect(open).toBe(0);
    silent.close();
  });

  test('is not there at all without EMAIL_URL: the error is final and says so', async () => {
    const server = await start({ EMAIL_URL: '' });
    const job = await run(server, mail);
    expect(job).toMatchObject({ status: 'dlq', retries: 1, error: expect.stringMatching(/^EMAIL_URL is not set/) });
  });
});

describe('EMAIL_URL', () => {
  test('holds a user and a password, which may need escaping; a wrong one is final and is not shown', async () => {
    const guarded = await Mailbox.start({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _, callback) =>
        username === 'me@clock' && password === 'p:a/s@s'
          ? callback(null, { user: username })
          : callback(new Refusal(535, 'who are you?')),
    });
    const url = (password: string) => `smtp://me%40clock:${encodeURIComponent(password)}@127.0.0.1:${guarded.port}`;
    const server = await start({ EMAIL_URL: url('p:a/s@s') });
    expect(await run(server, mail)).toMatchObject({ status: 'done' });
    const other = await start({ EMAIL_URL: url('wrong-password') });
    const job = await run(other, mail);
    expect(job).toMatchObject({ status: 'dlq', retries: 1, error: expect.stringContaining('who are you?') });
    expect(JSON.stringify(job) + other.output).not.toContain('wrong-password');
    expect(guarded.deliveries).toHaveLength(1);
    await guarded.close();
  });

  test.each(['smtps', 'smtp'])(
    '%s with a certificate that nobody vouches for is refused, until NODE_EXTRA_CA_CERTS does',
    async (scheme) => {
      const secure = scheme === 'smtps';
      const sealed = await Mailbox.start({ secure, key, cert: certificate, disabledCommands: [] });
      const EMAIL_URL = `${scheme}://localhost:${sealed.port}`;
      const wary = await start({ EMAIL_URL });
      const refused = await run(wary, mail, { max_retries: 0 });
      expect(refused).toMatchObject({
        status: 'dlq',
        error: expect.stringMatching(/could not be sent: .*self-signed certificate/),
      });
      expect(sealed.deliveries).toEqual([]);

      const trusted = join(tempFolder(), 'ca.pem');
      writeFileSync(trusted, certificate);
      const server = await start({ EMAIL_URL, NODE_EXTRA_CA_CERTS: trusted });
      expect(await run(server, mail)).toMatchObject({ status: 'done' });
      expect(sealed.deliveries).toHaveLength(1);
      await sealed.close();
    },
  );
});

test('scheduling refuses what could add a recipient, a header or a line', async () => {
  const server = await start();
  const bad = [
    ...['to', 'cc', 'bcc', 'reply_to'].flatMap((field) =>
      [
        '',
        'nobody',
        'a@example.com, b@example.com',
        'a@example.com;b@example.com',
        'a@example.com b@example.com',
        'Ada <ada@example.com>',
        '<ada@example.com>',
        'a@example.com\r\nBcc: b@example.com',
        'a@example.com\n',
        'group: a@example.com;',
        '"a b"@example.com',
        'a@[127.0.0.1]',
        'a@example.com\u0000',
        ['a@example.com', 'b@example.com'],
        { address: 'a@example.com' },
      ].map((value) => ({ [field]: value })),
    ),
    ...['', 'two\nlines', 'two\r\nBcc: b@example.com', 'bell\u0007', 'line\u2028separator', 'x'.repeat(999), 1].map(
      (subject) => ({ subject }),
    ),
    ...['bell\u0007', 'escape\u001b[2J', 'x'.repeat(200_001), null].flatMap((text) => [{ text }, { html: text }]),
    ...['from', 'attachments', 'headers', 'envelope', 'raw', 'list', 'replyTo'].map((field) => ({ [field]: 'x' })),
  ];
  for (const part of bad) {
    const answer = await server.call('POST', '/v1/jobs', { task_type: 'sendEmail', payload: { ...mail, ...part } });
    expect([part, answer.json.status]).toEqual([part, JSON.stringify(part).includes('\\u0000') ? 400 : 422]);
    expect(answer.json.errors[0].path).toMatch(/^\/payload/);
  }
  for (const missing of ['to', 'subject', 'text']) {
    const answer = await server.call('POST', '/v1/jobs', {
      task_type: 'sendEmail',
      payload: { ...mail, [missing]: undefined },
    });
    expect(answer).toMatchObject({
      status: 422,
      json: { code: 'invalid_payload', errors: [{ path: `/payload/${missing}` }] },
    });
  }
  expect((await server.call('GET', '/v1/jobs')).json.items).toEqual([]);
  expect(mailbox.connections).toBe(0);
});

const start = (env: Record<string, string> = {}): Promise<Server> =>
  Server.start({
    env: { EMAIL_URL: `smtp://127.0.0.1:${mailbox.port}`, EMAIL_FROM, BACKOFF_BASE_MS: '20', ...env },
    bare: true,
  });

async function run(server: Server, payload: object, more: object = {}): Promise<Answer['json']> {
  const { id } = await server.schedule('sendEmail', payload, more);
  return server.until(id, ['done', 'dlq']);
}

function textsOf(arrived: Mailbox['deliveries'][0]['mail']): Record<string, string | undefined> {
  const text = (field: 'from' | 'to' | 'cc' | 'replyTo') => [arrived[field]].flat()[0]?.text;
  return { from: text('from'), to: text('to'), cc: text('cc'), replyTo: text('replyTo') };
}
