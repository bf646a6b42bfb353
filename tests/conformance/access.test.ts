import { describe, expect, test } from 'vitest';
import { ADMIN } from '../support/system.ts';
import { conform } from './conform.ts';

const forAdmins: [string, string, object?][] = [
  ['POST', '/v1/users', { name: 'eve', role: 'admin' }],
  ['GET', '/v1/users'],
  ['POST', '/v1/users/0199d4c1-0000-7000-8000-000000000001/disable'],
  ['POST', '/v1/dlq/redrive', { reason: 'mine' }],
];
const forUsers: [string, string][] = [
  ['GET', '/v1/jobs'],
  ['GET', '/v1/jobs/report'],
  ['GET', '/v1/logs'],
];

conform({}, (on) => {
  describe('roles', () => {
    test('an admin may do everything, a user what concerns its jobs, a stranger nothing', async () => {
      const [user, admin] = [await on().user('user'), await on().user('admin', 'root')];
      const size = await on().size();
      for (const [method, path, body] of forAdmins) {
        expect((await on().fate(method, path, body, { token: user.token }))[0], path).toBe(403);
        expect((await on().fate(method, path, body, { token: null }))[0], path).toBe(401);
      }
      expect(await on().size()).toEqual(size);
      for (const [method, path, body] of forAdmins)
        expect([200, 201, 404], path).toContain((await on().fate(method, path, body, { token: admin.token }))[0]);
      for (const [method, path] of forUsers) {
        for (const token of [user.token, admin.token, ADMIN])
          expect((await on().fate(method, path, undefined, { token }))[0]).toBe(200);
        expect((await on().fate(method, path, undefined, { token: null }))[0]).toBe(401);
      }
    });

    test('the open routes need no token', async () => {
      for (const path of ['/healthz', '/openapi.json'])
        expect((await on().call('GET', path, undefined, { token: null })).status).toBe(200);
      expect((await on().call('GET', '/healthz')).json).toMatchObject({
        status: 'ok',
        migration: expect.stringMatching(/^\d{4}_/),
      });
    });

    test('a tick needs its secret, and a token is none', async () => {
      for (const headers of [{}, { 'x-tick-secret': '' }, { 'x-tick-secret': 'tick-secre' }])
        expect(await on().fate('POST', '/v1/ticks/coordinate', undefined, { headers })).toEqual([401, 'unauthorized']);
      const { status, json } = await on().call('POST', '/v1/ticks/coordinate', undefined, {
        token: null,
        headers: { 'x-tick-secret': 'tick-secret' },
      });
      expect([status, json.reclaimed]).toEqual([200, 0]);
    });
  });

  describe('users', () => {
    test('are created with a token that is shown once and stored as a digest', async () => {
      const { id, token } = await on().user('user', ' Ada  Lovelace ');
      expect(token).toMatch(/^[0-9a-f-]{36}$/);
      const { json } = await on().call('GET', '/v1/users');
      expect(json.items).toEqual([
        { id, name: 'Ada  Lovelace', role: 'user', created_at: expect.any(String), disabled_at: null },
      ]);
      expect(JSON.stringify(await on().sql('SELECT * FROM users'))).not.toContain(token);
    });

    test('are listed newest first, page by page', async () => {
      for (let i = 0; i < 5; i++) await on().user('user', `user ${i}`);
      const first = (await on().call('GET', '/v1/users?limit=3')).json;
      const second = (await on().call('GET', `/v1/users?limit=3&cursor=${first.next_cursor}`)).json;
      const names = [...first.items, ...second.items].map(({ name }: { name: string }) => name);
      expect(names).toEqual([4, 3, 2, 1, 0].map((i) => `user ${i}`));
      expect(second.next_cursor).toBe(null);
    });

    test('that are disabled are strangers at once, and their jobs stay', async () => {
      const { id, token } = await on().user();
      const job = await on().schedule('sleep', { ms: 0 }, {}, token);
      const disabled = await on().call('POST', `/v1/users/${id}/disable`);
      expect(disabled.json.disabled_at).not.toBe(null);
      expect((await on().call('POST', `/v1/users/${id}/disable`)).json).toEqual(disabled.json);
      expect(await on().fate('GET', '/v1/jobs', undefined, { token })).toEqual([401, 'unauthorized']);
      await on().tick('process-batch');
      expect((await on().job(job.id)).status).toBe('done');
      expect(await on().fate('POST', '/v1/users/nobody/disable')).toEqual([404, 'not_found']);
    });

    test.each([{}, { name: '', role: 'user' }, { name: 'a', role: 'owner' }, { name: 'a'.repeat(101), role: 'user' }])(
      'are not created from %j',
      async (body) => {
        expect(await on().fate('POST', '/v1/users', body)).toEqual([422, 'invalid_body']);
        expect(await on().size()).toMatchObject({ users: 0 });
      },
    );
  });
});

conform({ BOOTSTRAP_ADMIN_TOKEN: '' }, (on) => {
  test('without a bootstrap token the last admin stays', async () => {
    // Its token is "first", whose digest stands here.
    const hash = 'a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e';
    const id = '0199d4c1-0000-7000-8000-000000000001';
    await on().sql(
      "INSERT INTO users (id, name, role, token_hash, created_at) VALUES (?1, 'first', 'admin', ?2, 1)",
      ...[id, hash],
    );
    const token = 'first';
    expect(await on().fate('GET', '/v1/users', undefined, { token: ADMIN })).toEqual([401, 'unauthorized']);
    expect(await on().fate('POST', `/v1/users/${id}/disable`, undefined, { token })).toEqual([409, 'last_admin']);
    const second = (await on().call('POST', '/v1/users', { name: 'second', role: 'admin' }, { token })).json;
    expect(await on().fate('POST', `/v1/users/${id}/disable`, undefined, { token })).toEqual([200, null]);
    expect(await on().fate('GET', '/v1/users', undefined, { token })).toEqual([401, 'unauthorized']);
    expect(await on().fate('POST', `/v1/users/${second.id}/disable`, undefined, { token: second.token })).toEqual([
      409,
      'last_admin',
    ]);
  });
});

conform({ RL_CAPACITY: '5', RL_WINDOW_MS: '3600000' }, (on) => {
  const limits = async (token: string | null) => {
    const { status, headers } = await on().call('GET', '/v1/jobs', undefined, { token });
    return [status, headers.get('ratelimit'), headers.get('retry-after')];
  };

  test('a bucket holds its capacity, then every request is a 429 with Retry-After, and nothing is written', async () => {
    const { token } = await on().user();
    const left = [];
    for (let i = 0; i < 5; i++) left.push((await limits(token))[1]);
    expect(left.map((text) => /r=(\d)/.exec(String(text))?.[1])).toEqual(['4', '3', '2', '1', '0']);
    const size = await on().size();
    const { status, json, headers } = await on().call(
      'POST',
      '/v1/jobs',
      { task_type: 'sleep', payload: { ms: 0 } },
      { token },
    );
    expect([status, json.code]).toEqual([429, 'rate_limited']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(600);
    expect(headers.get('ratelimit-policy')).toBe('"default";q=5;w=3600');
    expect(await on().size()).toEqual(size);
  });

  test('requests that come at once are admitted up to the capacity, and no further', async () => {
    const { token } = await on().user();
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await limits(token))[0]));
    expect(statuses.sort()).toEqual([...Array(5).fill(200), ...Array(15).fill(429)]);
    const buckets = await on().sql<{ tokens: number }>('SELECT tokens FROM rate_limits');
    for (const { tokens } of buckets) expect(tokens).toBeGreaterThanOrEqual(0);
  });

  test('a bucket refills evenly, for the time that has passed', async () => {
    const { token, id } = await on().user();
    for (let i = 0; i < 5; i++) await limits(token);
    expect((await limits(token))[0]).toBe(429);
    // A fifth of the window is one request.
    await on().sql('UPDATE rate_limits SET at = at - 730000 WHERE bucket = ?1', id);
    expect([(await limits(token))[0], (await limits(token))[0]]).toEqual([200, 429]);
    await on().sql('UPDATE rate_limits SET at = at - 36000000 WHERE bucket = ?1', id);
    const again = [];
    for (let i = 0; i < 6; i++) again.push((await limits(token))[0]);
    expect(again).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test('users have a bucket each, and strangers one for each address', async () => {
    const [ada, bob] = [await on().user('user', 'ada'), await on().user('user', 'bob')];
    for (let i = 0; i < 6; i++) await limits(ada.token);
    expect((await limits(ada.token))[0]).toBe(429);
    expect((await limits(bob.token))[0]).toBe(200);
    const strangers = [];
    for (let i = 0; i < 6; i++) strangers.push((await limits(i % 2 ? null : 'wrong'))[0]);
    expect(strangers).toEqual([401, 401, 401, 401, 401, 429]);
    expect((await limits(bob.token))[0]).toBe(200);
    expect((await on().call('GET', '/healthz', undefined, { token: null })).status).toBe(200);
  });

  test('the coordinator forgets the buckets of strangers who were silent for a whole window, and of nobody else', async () => {
    const { token } = await on().user();
    await limits(token);
    await limits(null);
    await on().sql('UPDATE rate_limits SET at = 1');
    expect(await on().tick('coordinate')).toMatchObject({ forgotten: 1 });
    const left = await on().sql<{ anonymous: number }>('SELECT anonymous FROM rate_limits');
    expect(left.every(({ anonymous }) => anonymous === 0)).toBe(true);
  });
});
