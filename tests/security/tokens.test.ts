import { afterEach, expect, test, vi } from 'vitest';
import { real } from '../../core/context.ts';
import { digest, newToken, sameDigest } from '../../core/ids.ts';
import { routed } from '../support/contract.ts';
import { ADMIN, System } from '../support/system.ts';

// tests/http/users.test.ts and rotate.test.ts have how tokens are made, disabled and replaced.

let system: System | undefined;
afterEach(() => {
  vi.restoreAllMocks();
  system?.close();
  system = undefined;
});

test('a token is 122 bits from the secure source of the platform, and from nowhere else', () => {
  vi.spyOn(Math, 'random').mockImplementation(() => {
    throw new Error('Math.random is no secure source.');
  });
  const secure = vi.spyOn(crypto, 'getRandomValues');
  const tokens = Array.from({ length: 20_000 }, () => newToken(real));
  expect(secure).toHaveBeenCalled();
  const drawn = secure.mock.calls.reduce((sum, [bytes]) => sum + (bytes as Uint8Array).length, 0);
  expect(drawn).toBeGreaterThanOrEqual(20_000 * 16 - 4096);
  expect(new Set(tokens).size).toBe(20_000);
  // Every one of the 122 bits is sometimes 0 and sometimes 1; the other six say what kind of UUID it is.
  const ones = Array<number>(128).fill(0);
  for (const token of tokens) {
    expect(token).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const bits = BigInt(`0x${token.replaceAll('-', '')}`);
    for (let i = 0; i < 128; i++) if ((bits >> BigInt(i)) & 1n) ones[i] = (ones[i] as number) + 1;
  }
  expect(ones.filter((n) => n === 0 || n === tokens.length)).toHaveLength(6);
  for (const n of ones.filter((n) => n > 0 && n < tokens.length)) expect(Math.abs(n - 10_000)).toBeLessThan(1000);
});

test('a comparison looks at every character, and says no to whatever is not the same', () => {
  const one = digest('a token');
  expect(sameDigest(one, digest('a token'))).toBe(true);
  for (let i = 0; i < one.length; i++) {
    const other = one.slice(0, i) + (one[i] === '0' ? '1' : '0') + one.slice(i + 1);
    expect(sameDigest(one, other)).toBe(false);
  }
  for (const other of ['', one.slice(1), `${one}0`, one.toUpperCase()]) expect(sameDigest(one, other)).toBe(false);
});

test('of the bootstrap token and the tick secret nothing but the whole is worth anything', async () => {
  system = new System();
  const call = routed(system);
  const nearly = (secret: string) => [
    ...[secret.slice(0, -1), secret.slice(1), `${secret}x`, `x${secret}`, secret.toUpperCase(), `${secret},${secret}`],
    ...[secret.split('').reverse().join(''), digest(secret), '', '*', '%', `' OR '1'='1`],
  ];
  for (const token of nearly(ADMIN)) {
    const answer = await call('GET', '/v1/users', undefined, { token });
    expect([token, answer.status]).toEqual([token, 401]);
  }
  for (const secret of nearly('tick-secret')) {
    const options = { token: null, headers: { 'x-tick-secret': secret } };
    expect([secret, (await call('POST', '/v1/ticks/coordinate', undefined, options)).status]).toEqual([secret, 401]);
  }
  expect((await call('GET', '/v1/users', undefined, { token: ADMIN })).status).toBe(200);
});

test('neither is ever compared as text: what is looked for in the database, and held against a setting, is a digest', async () => {
  system = new System();
  const ada = await system.user();
  const bound: unknown[] = [];
  const { DB } = system.env;
  const watching = {
    batch: DB.batch.bind(DB),
    prepare: (sql: string) => {
      const statement = DB.prepare(sql);
      return Object.assign(Object.create(statement), {
        bind: (...values: (string | number | null)[]) => {
          bound.push(...values);
          return statement.bind(...values);
        },
      });
    },
  };
  const call = routed(system, { ...system.env, DB: watching });
  for (const token of [ada.token, ADMIN, 'wrong'])
    await call('GET', '/v1/jobs', undefined, { token, headers: { 'x-tick-secret': 'tick-secret' } });
  expect(bound).toContain(digest(ada.token));
  for (const secret of [ada.token, ADMIN, 'wrong', 'tick-secret']) expect(bound).not.toContain(secret);
});
