import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isPublic, makeOutbound } from '../../emulator/outbound.ts';
import { root } from '../support/build.ts';
import { Receiver } from '../support/receiver.ts';
import { cleanUp, Server } from '../support/server.ts';

// tests/tasks/outbound.test.ts has the ranges and the spellings of loopback; here is what somebody would try next.

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function receive(host: string): Promise<Receiver> {
  const receiver = await Receiver.start({ host });
  opened.push(receiver);
  return receiver;
}

function outbound(...options: Parameters<typeof makeOutbound>) {
  const made = makeOutbound(...options);
  opened.push(made);
  return made;
}

describe('no address leads to what only a machine of the cloud may ask', () => {
  const metadata = [
    ...['169.254.169.254', '169.254.170.2', '169.254.169.253', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
    ...['fd00:ec2::254', 'fd20:ce::254', 'fe80::a9fe:a9fe'],
  ];
  const inIpv6 = ['::ffff:a9fe:a9fe', '::a9fe:a9fe', '64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe', '2002:a9fe:a9fe::1'];
  const tunnels = [
    '2001:0:a9fe:a9fe::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:10::1',
    '2001:20::1',
    '2001:2::1',
  ];

  test.each([...metadata, ...inIpv6, ...tunnels])('%s', async (address) => {
    expect(isPublic(address)).toBe(false);
    const host = address.includes(':') ? `[${address}]` : address;
    await expect(outbound(false).fetch(`http://${host}/latest/meta-data/`)).rejects.toMatchObject({
      code: 'ADDRESS_REFUSED',
    });
  });

  test.each(['metadata.google.internal', 'metadata', 'instance-data.ec2.internal'])(
    'nor by the name %s, which resolves to one',
    async (name) => {
      const { lookup, asked } = resolver([['169.254.169.254']]);
      const failure = await outbound(false, { lookup })
        .fetch(`http://${name}/`)
        .catch((error) => error.cause);
      expect(failure).toMatchObject({ code: 'ADDRESS_REFUSED' });
      expect(asked).toEqual([name]);
    },
  );
});

test('however a loopback address is written, nobody is reached', async () => {
  const receiver = await receive('127.0.0.1');
  const way = outbound(false);
  const spellings = [
    ...['127。0。0。1', '①②⑦.⓪.⓪.①', '127.0.0.1..', '0x7f.0x0.0x0.0x1', '0X7F000001', '127.0.1', '0000177.0.0.1'],
    ...[
      '[::ffff:0x7f000001]',
      '[0:0:0:0:0:ffff:127.0.0.1]',
      '[::%eth0]',
      '[::1%25lo]',
      'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
      'localhost.',
      'LocalHost',
    ],
    ...['%31%32%37.0.0.1', '127.0.0.1%00', '127.0.0.1\t', '\u00ad127.0.0.1', '4294967296', '00x7f.1', '127.0.0.1.'],
  ];
  for (const host of spellings) {
    const failure = await way.fetch(`http://${host}:${receiver.port}/`).then(
      ({ status }) => `it answered ${status}`,
      (error) => (error.cause ?? error).code,
    );
    expect([host, failure]).toEqual([host, expect.stringMatching(/^(ADDRESS_REFUSED|ERR_INVALID_URL|ENOTFOUND)$/)]);
  }
  expect(receiver.connections).toBe(0);
});

describe('a name', () => {
  // 127.0.0.1 stands for the public address here, and 127.0.0.2 for the private one: nothing leaves this machine.
  const allows = (address: string) => address === '127.0.0.1';

  /** Two receivers on one port: the one that may be reached, and the one that may not. */
  async function pair(): Promise<{ open: Receiver; secret: Receiver; port: number }> {
    const open = await receive('127.0.0.1');
    const secret = await Receiver.start({ host: '127.0.0.2', port: open.port });
    opened.push(secret);
    return { open, secret, port: open.port };
  }

  test('that means another address after it was judged leads to the one that was judged, and then nowhere', async () => {
    const { open, secret, port } = await pair();
    open.answer(200, { connection: 'close' }, 'open');
    secret.answer(200, {}, 'secret');
    const { lookup, asked } = resolver([['127.0.0.1'], ['127.0.0.2']]);
    const way = outbound(false, { lookup, allows });
    const first = await way.fetch(`http://rebind.example:${port}/`);
    expect([first.status, await first.text()]).toEqual([200, 'open']);
    // Judged and connected by one answer: there is no second look whose answer could be another.
    expect(asked).toEqual(['rebind.example']);
    const second = await way.fetch(`http://rebind.example:${port}/`).catch((error) => error.cause);
    expect(second).toMatchObject({ code: 'ADDRESS_REFUSED', message: expect.stringContaining('127.0.0.2') });
    expect(asked).toHaveLength(2);
    expect([open.requests.length, secret.connections]).toEqual([1, 0]);
  });

  test.each([
    [['127.0.0.1', '127.0.0.2']],
    [['127.0.0.2', '127.0.0.1']],
    [['127.0.0.1', '::1']],
    [['127.0.0.1', '127.0.0.1', '127.0.0.1', '::ffff:127.0.0.2']],
  ])('with the addresses %j, of which one may not be reached, is refused as a whole', async (addresses) => {
    const { open, secret, port } = await pair();
    const { lookup } = resolver([addresses]);
    const failure = await outbound(false, { lookup, allows })
      .fetch(`http://mixed.example:${port}/`)
      .catch((error) => error.cause);
    expect(failure).toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect([open.connections, secret.connections]).toEqual([0, 0]);
  });

  test('that a lookup gives a text for, and no address, is refused', async () => {
    const { lookup } = resolver([['localhost'], ['']]);
    const way = outbound(false, { lookup });
    for (let i = 0; i < 2; i++)
      await expect(way.fetch('http://odd.example/').catch((error) => error.cause)).resolves.toMatchObject({
        code: 'ADDRESS_REFUSED',
      });
  });

  test('is judged at every connection, for TLS as well', async () => {
    const { lookup, asked } = resolver([['127.0.0.2']]);
    const way = outbound(false, { lookup, allows });
    for (const scheme of ['http', 'https'])
      await expect(way.fetch(`${scheme}://name.example/`).catch((error) => error.cause)).resolves.toMatchObject({
        code: 'ADDRESS_REFUSED',
      });
    expect(asked).toHaveLength(2);
  });
});

describe('in a running system', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ bare: true, env: { WEBHOOK_ALLOW_PRIVATE: 'false' } });
  });
  afterAll(cleanUp);

  test('a webhook to this machine is final at once, and no connection is made', async () => {
    const receiver = await receive('127.0.0.1');
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f.1']) {
      const url = `http://${host}:${receiver.port}/`;
      const { id } = await server.schedule('webhook', { url, body: {} });
      const job = await server.until(id, ['done', 'dlq']);
      expect(job).toMatchObject({
        status: 'dlq',
        retries: 1,
        error: expect.stringContaining('is not a public address'),
      });
    }
    expect(receiver.connections).toBe(0);
  });

  test('the Host header is the URL’s, whatever the job says', async () => {
    for (const name of ['Host', 'HOST', 'host ', ':authority', 'Host\u0000', 'x\nHost']) {
      const payload = { url: 'http://example.com/', headers: { [name]: 'metadata.google.internal' } };
      const answer = await server.call('POST', '/v1/jobs', { task_type: 'webhook', payload });
      expect([name, [400, 422].includes(answer.status)]).toEqual([name, true]);
    }
  });
});

test('on Cloudflare the platform itself lets no request out to a private address', () => {
  const { compatibility_flags } = JSON.parse(readFileSync(join(root, 'dist/cloudflare/wrangler.json'), 'utf8'));
  expect(compatibility_flags).toContain('global_fetch_strictly_public');
});

type Lookup = NonNullable<NonNullable<Parameters<typeof makeOutbound>[1]>['lookup']>;

/** A resolver that answers each question with the next of these lists, and with the last from then on. */
function resolver(answers: string[][]): { lookup: Lookup; asked: string[] } {
  const asked: string[] = [];
  const lookup = (name: string, _: object, done: (error: null, found: object[]) => void) => {
    const found = answers[Math.min(asked.length, answers.length - 1)] as string[];
    asked.push(name);
    const family = (address: string) => (address.includes(':') ? 6 : 4);
    setImmediate(() =>
      done(
        null,
        found.map((address) => ({ address, family: family(address) })),
      ),
    );
  };
  return { lookup: lookup as unknown as Lookup, asked };
}
