import { afterEach, expect, test } from 'vitest';
import { createFirstAdmin } from '../../core/access/users.ts';
import { digest } from '../../core/ids.ts';
import { routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
afterEach(() => system.close());

function started(settings: Record<string, string> = {}) {
  system = new System(settings);
  return routed(system);
}

const hashes = () => system.db.prepare('SELECT token_hash FROM users ORDER BY seq').pluck().all();

test('a user with a new token is the same user: the new one lets it in, the old one nobody', async () => {
  const call = started();
  const ada = await system.user('user', 'ada');
  const job = await system.schedule('sleep', { ms: 0 }, {}, ada.token);
  const { status, json } = await call('POST', `/v1/users/${ada.id}/rotate`);
  expect(status).toBe(200);
  expect(json).toMatchObject({ id: ada.id, name: 'ada', role: 'user', disabled_at: null });
  expect(json.token).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(json.token).not.toBe(ada.token);
  expect((await call('GET', '/v1/jobs', undefined, { token: ada.token })).status).toBe(401);
  const seen = await call('GET', '/v1/jobs', undefined, { token: json.token });
  expect(seen.json.items).toMatchObject([{ id: job.id, owner_id: ada.id }]);
  expect((await call('GET', '/v1/users', undefined, { token: json.token })).status).toBe(403);
});

test('the new token stands in that one answer: the database has its digest, no list has either', async () => {
  const call = started();
  const ada = await system.user('user', 'ada');
  const { token } = (await call('POST', `/v1/users/${ada.id}/rotate`)).json;
  expect(hashes()).toEqual([digest(token)]);
  const users = JSON.stringify((await call('GET', '/v1/users')).json);
  for (const secret of [token, digest(token)]) expect(users).not.toContain(secret);
});

test('a lost answer is cured by rotating again: only the last token is worth something', async () => {
  const call = started();
  const ada = await system.user('user', 'ada');
  const tokens = [ada.token];
  for (let i = 0; i < 3; i++) tokens.push((await call('POST', `/v1/users/${ada.id}/rotate`)).json.token);
  const answers = await Promise.all(tokens.map((token) => call('GET', '/v1/jobs', undefined, { token })));
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 200]);
  expect(new Set(tokens).size).toBe(4);
});

test('of rotations that come at once each makes a token, and one of them is left', async () => {
  const call = started();
  const ada = await system.user('user', 'ada');
  const rotated = await Promise.all(Array.from({ length: 5 }, () => call('POST', `/v1/users/${ada.id}/rotate`)));
  const statuses = [];
  for (const { json } of rotated)
    statuses.push((await call('GET', '/v1/jobs', undefined, { token: json.token })).status);
  expect(statuses.sort()).toEqual([200, 401, 401, 401, 401]);
});

test('what an emptied bucket owes is still owed after a rotation', async () => {
  const call = started({ RL_CAPACITY: '5', RL_WINDOW_MS: '60000' });
  const ada = await system.user('user', 'ada');
  for (let i = 0; i < 5; i++) await call('GET', '/v1/jobs', undefined, { token: ada.token });
  const { token } = (await call('POST', `/v1/users/${ada.id}/rotate`)).json;
  expect((await call('GET', '/v1/jobs', undefined, { token })).status).toBe(429);
});

test('a disabled user gets no token, and neither does one who is not there', async () => {
  const call = started();
  const ada = await system.user('user', 'ada');
  await call('POST', `/v1/users/${ada.id}/disable`);
  const before = hashes();
  expect(await call('POST', `/v1/users/${ada.id}/rotate`)).toMatchObject({
    ...{ status: 409, json: { code: 'user_disabled' } },
  });
  expect(hashes()).toEqual(before);
  for (const id of ['none', 'bootstrap', crypto.randomUUID()])
    expect(await call('POST', `/v1/users/${id}/rotate`)).toMatchObject({ status: 404, json: { code: 'not_found' } });
});

test('the only admin cannot lock everybody out with its own token; a second admin, or the bootstrap token, lets it', async () => {
  const call = started({ BOOTSTRAP_ADMIN_TOKEN: '' });
  const first = { token: (await createFirstAdmin(system.ctx())) as string };
  const [{ id }] = (await call('GET', '/v1/users', undefined, first)).json.items;
  const ada = (await call('POST', '/v1/users', { name: 'ada', role: 'user' }, first)).json;
  const gone = (await call('POST', '/v1/users', { name: 'gone', role: 'admin' }, first)).json;
  await call('POST', `/v1/users/${gone.id}/disable`, undefined, first);
  expect(await call('POST', `/v1/users/${id}/rotate`, undefined, first)).toMatchObject({
    ...{ status: 409, json: { code: 'sole_admin' } },
  });
  expect((await call('GET', '/v1/users', undefined, first)).status).toBe(200);
  expect((await call('POST', `/v1/users/${ada.id}/rotate`, undefined, first)).status).toBe(200);

  const second = (await call('POST', '/v1/users', { name: 'bob', role: 'admin' }, first)).json;
  const own = await call('POST', `/v1/users/${id}/rotate`, undefined, first);
  expect(own.status).toBe(200);
  expect((await call('GET', '/v1/users', undefined, first)).status).toBe(401);
  // As if that answer had been lost.
  const again = await call('POST', `/v1/users/${id}/rotate`, undefined, second);
  expect((await call('GET', '/v1/users', undefined, again.json)).status).toBe(200);

  const rescued = routed(system, system.newEnv());
  await rescued('POST', `/v1/users/${second.id}/disable`);
  expect((await rescued('POST', `/v1/users/${id}/rotate`, undefined, again.json)).status).toBe(200);
});

test('the bootstrap token is a setting: no request replaces it', async () => {
  const call = started();
  expect((await call('POST', '/v1/users/bootstrap/rotate')).status).toBe(404);
  expect((await call('GET', '/v1/users')).status).toBe(200);
});
