import { afterEach, describe, expect, test } from 'vitest';
import { bucketOfStranger, networkOf } from '../../core/access/stranger.ts';
import { contextOf } from '../../core/context.ts';
import { routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System | undefined;
afterEach(() => {
  system?.close();
  system = undefined;
});

const started = (settings: Record<string, string>): System => {
  system = new System({ RL_CAPACITY: '5', RL_WINDOW_MS: '60000', ...settings });
  return system;
};
const buckets = ({ db }: System) => db.prepare('SELECT bucket FROM rate_limits').pluck().all() as string[];

/** The bucket of a request from this peer, with this X-Forwarded-For. */
function bucketOf(client: string, forwarded?: string, settings: Record<string, string> = {}): string {
  const env = { DB: {} as never, ...settings };
  const headers = forwarded === undefined ? undefined : { 'x-forwarded-for': forwarded };
  return bucketOfStranger(contextOf(env, { client }), new Request('http://test/', headers && { headers }));
}

describe('an address is one client', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ])('%s is of %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test.each([
    ...['', 'unknown', 'localhost', '_hidden', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.4.', '1.2.3.4 ', '-1.2.3.4'],
    ...['::1::', ':::', '12345::', '1:2:3:4:5:6:7:8:9', '2001:db8::g', '::1]/@[::2', '::1/64', 'a:b', '1.2.3.4\n'],
  ])('%j is none', (text) => {
    expect(networkOf(text)).toBeUndefined();
  });

  test('every address of an IPv6 site is one stranger, another site is another', async () => {
    const call = routed(started({}));
    const ask = async (client: string) => (await call('GET', '/v1/jobs', undefined, { token: null, client })).status;
    for (let i = 0; i < 5; i++) expect(await ask(`2001:db8:0:1::${i}`)).toBe(401);
    expect(await ask('2001:db8:0:1:ffff::1')).toBe(429);
    expect(await ask('2001:db8:0:2::1')).toBe(401);
  });

  test('an IPv4 address is the same stranger in its IPv6 form', async () => {
    const call = routed(started({}));
    for (let i = 0; i < 5; i++)
      await call('GET', '/v1/jobs', undefined, { token: null, client: i % 2 ? '192.0.2.1' : '::ffff:192.0.2.1' });
    expect((await call('GET', '/v1/jobs', undefined, { token: null, client: '::ffff:c000:201' })).status).toBe(429);
  });
});

describe('X-Forwarded-For', () => {
  const one = { TRUSTED_PROXY_HOPS: '1' };

  test.each([
    ['203.0.113.7, 192.0.2.1'],
    ['192.0.2.1:4711'],
    [`${'x'.repeat(5000)}, 192.0.2.1`],
    ['[::ffff:192.0.2.1]:443'],
    [' ,,, ,192.0.2.1'],
  ])('the client is named in whatever spelling (%#)', (forwarded) => {
    expect(bucketOf('10.0.0.1', forwarded, one)).toBe(bucketOf('192.0.2.1'));
  });

  test.each([[''], ['unknown'], ['192.0.2.1, _hidden'], ['192.0.2.1,'], ['y'.repeat(15_000)], ['1.2.3.4.5'], ['[::1']])(
    'where it names nobody the peer counts (%#)',
    (forwarded) => {
      expect(bucketOf('10.0.0.1', forwarded, one)).toBe(bucketOf('10.0.0.1'));
      expect(bucketOf('10.0.0.1', forwarded, one)).not.toBe(bucketOf('192.0.2.1'));
    },
  );

  test('what a client writes itself, further left than the trusted hops, moves it to no other bucket', () => {
    const seen = new Set(
      Array.from({ length: 500 }, (_, i) => bucketOf('10.0.0.1', `198.51.100.${i}, 192.0.2.1`, one)),
    );
    expect([...seen]).toEqual([bucketOf('192.0.2.1')]);
  });

  test('of any kind of garbage makes one bucket and not many', async () => {
    const system = started({ ...one, RL_CAPACITY: '1000000' });
    const call = routed(system);
    const garbage = [
      '',
      ',',
      "'; DROP TABLE users; --",
      '\u00ff'.repeat(3000),
      '127.0.0.1#',
      '0x7f.1',
      'a'.repeat(15_000),
    ];
    for (let i = 0; i < 200; i++) {
      const entry = `${garbage[i % garbage.length]}${i}x`;
      await call('GET', '/v1/jobs', undefined, { token: null, headers: { 'x-forwarded-for': entry } });
    }
    expect(buckets(system)).toEqual([bucketOf('127.0.0.1', undefined, { TICK_SECRET: 'tick-secret' })]);
  });
});

describe('the table of buckets is bounded', () => {
  test('65,536 sites share the buckets evenly, and no bucket has a longer name for it', () => {
    const sizes = new Map<string, number>();
    for (let i = 0; i < 65_536; i++) {
      const name = bucketOf(`2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::1`);
      sizes.set(name, (sizes.get(name) ?? 0) + 1);
    }
    // So many balls leave a share of 1/e of so many urns empty, and put hardly ever a dozen into one.
    expect(sizes.size).toBeGreaterThan(40_000);
    expect(sizes.size).toBeLessThan(43_000);
    expect(Math.max(...sizes.values())).toBeLessThan(15);
    expect([...sizes.keys()].filter((name) => !/^stranger:[0-9a-f]{4}$/.test(name))).toEqual([]);
  });

  test('what is stored of a stranger is a bucket of that kind, and nothing of its address', async () => {
    const system = started({ TRUSTED_PROXY_HOPS: '1' });
    const call = routed(system);
    for (let i = 0; i < 300; i++)
      await call('GET', '/v1/jobs', undefined, {
        ...{ token: i % 2 ? null : crypto.randomUUID(), headers: { 'x-forwarded-for': `198.51.${i}.77` } },
      });
    const names = buckets(system);
    // Of 300 in 65,536 hardly two meet, and none is lost.
    expect(names.length).toBeGreaterThan(250 * (256 / 300));
    for (const name of names) expect(name).toMatch(/^stranger:[0-9a-f]{4}$/);
  });

  test('a full table costs a user nothing: each has a bucket of its own', async () => {
    const system = started({ TRUSTED_PROXY_HOPS: '1' });
    const ada = await system.user();
    const insert = system.db.prepare('INSERT INTO rate_limits (bucket, tokens, at, anonymous) VALUES (?, 0, ?, 1)');
    system.db.transaction(() => {
      for (let i = 0; i < 65_536; i++) insert.run(`stranger:${i.toString(16).padStart(4, '0')}`, system.clock.time);
    })();
    const call = routed(system);
    expect((await call('GET', '/v1/jobs', undefined, { token: ada.token })).status).toBe(200);
    expect((await call('GET', '/v1/jobs', undefined, { token: null })).status).toBe(429);
    expect(system.db.prepare('SELECT count(*) FROM rate_limits WHERE anonymous = 1').pluck().get()).toBe(65_536);
  });

  test('who shares a bucket with whom cannot be worked out without the tick secret', () => {
    const secrets = ['', 'secret-one', 'secret-two'];
    const slots = secrets.map((TICK_SECRET) => bucketOf('192.0.2.1', undefined, { TICK_SECRET }));
    expect(new Set(slots).size).toBe(3);
  });
});
