import { afterEach, expect, test } from 'vitest';
import { isPublic, makeOutbound } from '../../emulator/outbound.ts';
import { Receiver } from '../support/receiver.ts';

const receivers: Receiver[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

const publicOnes = [
  '8.8.8.8',
  '1.1.1.1',
  '93.184.216.34',
  '172.32.0.1',
  '100.128.0.1',
  '2606:4700:4700::1111',
  '2a00::1',
];

const others: [string, string[]][] = [
  ['this network', ['0.0.0.0', '0.1.2.3', '::']],
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1']],
  ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fd00::1', 'fec0::1']],
  ['shared', ['100.64.0.1', '100.127.255.255']],
  ['link-local', ['169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'febf::1']],
  ['reserved', ['192.0.0.1', '192.0.2.1', '192.88.99.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '240.0.0.1']],
  ['multicast and broadcast', ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1']],
  ['IPv4 in IPv6', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:0:7f00:1']],
  ['IPv4 in IPv6, the old way', ['::127.0.0.1', '::7f00:1', '::a00:1', '::a9fe:a9fe']],
  ['translated and tunnelled', ['64:ff9b::7f00:1', '64:ff9b:1::7f00:1', '2002:7f00:1::', '2001::7f00:1']],
  ['not given out', ['100::1', '2001:db8::1', '3fff::1', '4000::1', '5f00::1', '8000::1', '::2', '0:0:1::1']],
  ['odd spellings', ['0x7f.1', '2130706433', '017700000001', '127.1', '0x7f000001', '0177.0.0.1']],
  ['no address at all', ['', 'localhost', 'example.com', '256.1.1.1', '1.2.3.4.5', ':::1', '127.0.0.1:80']],
];

test.each(publicOnes)('%s is public', (address) => {
  expect(isPublic(address)).toBe(true);
});

test.each(others)('%s: no such address is public', (_, addresses) => {
  expect(addresses.filter(isPublic)).toEqual([]);
});

const disguises = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '0x7f.1',
  '0x7f000001',
  '2130706433',
  '017700000001',
  '0177.0.0.1',
  '127.0.0.1%2e',
  '１２７.０.０.１',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[64:ff9b::7f00:1]',
  '[0:0:0:0:0:0:0:1]',
  'localhost',
  'LOCALHOST',
  '0.0.0.0',
  '[::]',
];

test('a receiver on this machine sees no connection, however its address is spelled', async () => {
  const four = await start('127.0.0.1');
  const six = await start('::1').catch(() => undefined);
  const outbound = makeOutbound(false);
  for (const host of disguises) {
    for (const receiver of [four, six]) {
      if (!receiver) continue;
      const failure = await outbound.fetch(`http://${host}:${receiver.port}/`).then(
        (response) => `it answered ${response.status}`,
        (error) => (error.cause ?? error).code,
      );
      expect([host, failure]).toEqual([host, 'ADDRESS_REFUSED']);
    }
  }
  expect(four.connections).toBe(0);
  expect(six?.connections ?? 0).toBe(0);
  await outbound.close();
});

test.each(['10.0.0.1', '169.254.169.254', '100.64.0.1', '192.168.1.1', '[fd00::1]', '[fe80::1]', '[2002:7f00:1::]'])(
  'nothing is sent to %s',
  async (host) => {
    const outbound = makeOutbound(false);
    await expect(outbound.fetch(`http://${host}/`)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
    await outbound.close();
  },
);

test('the refusal names the host, what it resolves to, and the setting that would allow it', async () => {
  const outbound = makeOutbound(false);
  const literal = await outbound.fetch('http://127.1:9999/').catch((error) => error);
  expect(literal.message).toBe('127.0.0.1 is not a public address; WEBHOOK_ALLOW_PRIVATE=true would allow it.');
  const name = await outbound.fetch('http://localhost:9999/').catch((error) => error.cause);
  expect(name.message).toMatch(
    /^localhost is (127\.0\.0\.1|::1), which is not a public address; WEBHOOK_ALLOW_PRIVATE/,
  );
  await outbound.close();
});

test('where private addresses are allowed the same receiver is reached', async () => {
  const receiver = await start('127.0.0.1');
  const outbound = makeOutbound(true);
  for (const host of ['127.0.0.1', 'localhost', '0x7f.1'])
    expect((await outbound.fetch(`http://${host}:${receiver.port}/`)).status).toBe(200);
  expect(receiver.requests).toHaveLength(3);
  await outbound.close();
});

async function start(host: string): Promise<Receiver> {
  const receiver = await Receiver.start({ host });
  receivers.push(receiver);
  return receiver;
}
