import fc from 'fast-check';
import addressparser from 'nodemailer/lib/addressparser';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import sendEmail from '../../core/tasks/sendEmail.ts';
import { validate } from '../../core/validate.ts';
import { Mailbox } from '../support/mailbox.ts';
import { cleanUp, Server } from '../support/server.ts';

// tests/tasks/sendEmail.test.ts has what scheduling refuses at first sight; here is what somebody would try next,
// and what a real mail server gets of that which is let through.

const mail = { to: 'ada@example.com', subject: 'Your report', text: 'It is ready.' };
let mailbox: Mailbox;
let server: Server;

beforeAll(async () => {
  mailbox = await Mailbox.start();
  const EMAIL_FROM = 'Escapement <robot@clock.example>';
  server = await Server.start({ env: { EMAIL_URL: `smtp://127.0.0.1:${mailbox.port}`, EMAIL_FROM }, bare: true });
});
beforeEach(() => {
  mailbox.deliveries.length = 0;
});
afterEach(async () => expect((await server.call('GET', '/healthz')).status).toBe(200));
afterAll(async () => {
  await cleanUp();
  await mailbox.close();
});

const separators = [
  '\r\n',
  '\n',
  '\r',
  '\u0085',
  '\u2028',
  '\u2029',
  '\u000b',
  '\u000c',
  '\u001c',
  '\u0000',
  '\r\n ',
  '\n\t',
];
const lists = [',', ';', ', ', ' ', '\t', '> <', '>,<', ' , ', ':', '\\,', '%2C', '%0a', '\u037e', '\uff0c', '\u3001'];

const addresses = [
  ...[...separators, ...lists].flatMap((between) => [
    `ada@example.com${between}eve@example.com`,
    `ada@example.com${between}Bcc: eve@example.com`,
    `${between}ada@example.com`,
    `ada@example.com${between}`,
    `ada${between}eve@example.com`,
    `ada@exam${between}ple.com`,
  ]),
  ...[
    '"Ada" <ada@example.com>',
    '"Ada\r\nBcc: eve@example.com" <ada@example.com>',
    '<ada@example.com>',
    'Ada ada@example.com',
  ],
  ...[
    'friends: ada@example.com, eve@example.com;',
    'friends:;',
    'undisclosed-recipients:;',
    '@relay,@other:ada@example.com',
  ],
  ...[
    'ada(comment)@example.com',
    'ada@example.com(eve@example.com)',
    'ada@example.com <eve@example.com>',
    '"ada@example.com,"@x.com',
  ],
  ...[
    'ada@[IPv6:::1]',
    'ada@127.0.0.1',
    'ada@localhost',
    'ada@exämple.com',
    'ädä@example.com',
    'ada@example.com.',
    'ada@@example.com',
  ],
  ...[
    'eve%example.com@relay.example',
    'relay.example!eve@',
    '=?utf-8?q?ada?=@example.com',
    'ada@xn--.com\u200b',
    '\ufeffada@example.com',
  ],
  ...[
    'ada@example.com?bcc=eve@example.com',
    'mailto:ada@example.com',
    `${'a'.repeat(250)}@example.com`,
    '-oQ/tmp -X/etc/x@example.com',
  ],
];

test.each(['to', 'cc', 'bcc', 'reply_to'])('%s is one bare address and no way to say more', (field) => {
  // Percent signs and punctuation that mean nothing in an address may stand before the @: they are part of one name.
  for (const value of addresses) {
    const accepted = 'value' in validate(sendEmail.payload, { ...mail, [field]: value });
    expect([value, accepted]).toEqual([value, false]);
  }
});

test('no text that is accepted as an address names two, or anything but itself', () => {
  const part = fc.constantFrom(
    ...'abz09.-_+@,;:<>()[]"\\ \t\r\n\'%=?!é'.split(''),
    'example.com',
    '@',
    'ada',
    '@example.com',
  );
  const texts = fc.array(part, { minLength: 3, maxLength: 14 }).map((parts) => parts.join(''));
  const name = fc.array(fc.constantFrom(...'ab1.+_\'-,<" '), { minLength: 1, maxLength: 4 });
  const near = name.map((local) => `${local.join('')}@example.com`);
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        texts,
        texts.map((text) => `${text}@example.com`),
        { weight: 4, arbitrary: near },
        fc.emailAddress(),
      ),
      (to) => {
        if (!('value' in validate(sendEmail.payload, { ...mail, to }))) return;
        accepted += 1;
        expect(addressparser(to, { flatten: true } as object)).toEqual([{ address: to, name: '' }]);
      },
    ),
    { numRuns: 5000 },
  );
  // A test in which nothing passes says nothing.
  expect(accepted).toBeGreaterThan(100);
});

test('a mail goes to three recipients at most, each once, and the envelope names nobody else', async () => {
  const [to, cc, bcc] = [
    "o'hara+tag@xn--bcher-kva.example",
    'a.b_c-d@sub.example.co.uk',
    `${'x'.repeat(60)}@example.com`,
  ];
  const { id } = await server.schedule('sendEmail', { ...mail, to, cc, bcc, reply_to: 'eve@example.com' });
  await server.until(id, ['done']);
  // The server of this test reads Punycode; it was sent as it was written.
  const read = to?.replace('xn--bcher-kva', 'bücher');
  expect(mailbox.deliveries.map((delivery) => [...delivery.to].sort())).toEqual([[read, cc, bcc].sort()]);
  expect(mailbox.deliveries[0]?.from).toBe('robot@clock.example');
  for (const more of [{ to: [to, cc] }, { cc: [cc] }, { to: { address: to } }, { bcc: `${bcc},${to}` }])
    expect(
      (await server.call('POST', '/v1/jobs', { task_type: 'sendEmail', payload: { ...mail, ...more } })).status,
    ).toBe(422);
});

const subjects = [
  ...[
    '=?utf-8?q?x=0D=0ABcc:_eve@example.com?=',
    '=?utf-8?b?eA0KQmNjOiBldmVAZXhhbXBsZS5jb20=?=',
    'Bcc: eve@example.com',
  ],
  ...[`${'long word '.repeat(99)}end`, 'x'.repeat(998), 'ü'.repeat(998), `${'x'.repeat(76)} Bcc: eve@example.com`],
  ...[
    '"quoted\\',
    '\u200e\u202eright to left',
    '👩‍👩‍👧 family',
    '%0d%0aBcc: eve@example.com',
    '\\r\\nBcc: eve@example.com',
  ],
];

test.each(subjects)('a subject adds no header and no recipient: %.40s', async (subject) => {
  const { id } = await server.schedule('sendEmail', { ...mail, subject });
  await server.until(id, ['done']);
  const [delivery] = mailbox.deliveries;
  expect(mailbox.deliveries).toHaveLength(1);
  expect(delivery?.to).toEqual([mail.to]);
  const names = delivery?.mail.headerLines.map(({ key }) => key).sort();
  expect(names).toEqual(
    [
      ...['content-transfer-encoding', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to'],
      'x-escapement-job',
    ].sort(),
  );
});

test.each(separators)('a subject with the separator %j is refused', async (separator) => {
  for (const subject of [`x${separator}Bcc: eve@example.com`, `${separator}x`, `x${separator}`]) {
    const answer = await server.call('POST', '/v1/jobs', { task_type: 'sendEmail', payload: { ...mail, subject } });
    expect([400, 422]).toContain(answer.status);
  }
  expect(mailbox.deliveries).toEqual([]);
});

test('a text ends its mail only at its end: lines that are commands to a server stay lines', async () => {
  const texts = [
    '.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\nx\r\n.',
    '.\nRSET\n.',
    '\n.\n\n..\n.x',
    '.\r\r\n.\r',
  ];
  for (const text of texts) {
    const { id } = await server.schedule('sendEmail', { ...mail, text, html: text });
    await server.until(id, ['done']);
  }
  expect(mailbox.deliveries.map(({ from, to }) => [from, ...to])).toEqual(
    texts.map(() => ['robot@clock.example', mail.to]),
  );
});
