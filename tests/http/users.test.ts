import { afterEach, expect, test } from 'vitest';
import { createFirstAdmin } from '../../core/access/users.ts';
import type { Logger } from '../../core/context.ts';
import { routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
afterEach(() => system.close());

function started(settings: Record<string, string> = {}) {
  system = new System(settings);
  return routed(system);
}

/** Everything the database holds, as text. */
function everything(): string {
  const tables = system.db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all() as string[];
  return tables.map((name) => JSON.stringify(system.db.prepare(`SELECT * FROM "${name}"`).all())).join('\n');
}

test('a new user is let in by its token, with its role and no other', async () => {
  const call = started();
  const made = await call('POST', '/v1/users', { name: 'ada', role: 'user' });
  expect(made).toMatchObject({ status: 201, json: { name: 'ada', role: 'user', disabled_at: null } });
  const ada = { token: made.json.token };
  expect((await call('GET', '/v1/jobs', undefined, ada)).status).toBe(200);
  expect(await call('GET', '/v1/users', undefined, ada)).toMatchObject({ status: 403, json: { code: 'forbidden' } });
  const admin = { token: (await call('POST', '/v1/users', { name: 'root', role: 'admin' })).json.token };
  expect((await call('GET', '/v1/users', undefined, admin)).status).toBe(200);
});

test('the token stands in one answer, and in no table, log line or later answer', async () => {
  const call = started();
  const lines: string[] = [];
  const log: Logger = (...line) => lines.push(JSON.stringify(line));
  system.env.LOG = log;
  const made = await call('POST', '/v1/users', { name: 'ada', role: 'admin' });
  const { id, token } = made.json as { id: string; token: string };
  const answers = [
    await call('GET', '/v1/users', undefined, { token }),
    await call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } }, { token }),
    await call('GET', '/v1/logs', undefined, { token }),
    await call('GET', '/v1/jobs/report', undefined, { token }),
    await call('POST', '/v1/users', { name: 1 }, { token }),
    await call('POST', `/v1/users/${id}/disable`, undefined, { token }),
    await call('GET', '/v1/users', undefined, { token }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 201, 200, 200, 422, 200, 401]);
  const seen = [everything(), ...lines, ...answers.map(({ headers, json }) => JSON.stringify([[...headers], json]))];
  for (const text of seen) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(token.replaceAll('-', ''));
  }
  const hash = system.db.prepare('SELECT token_hash FROM users').pluck().get() as string;
  for (const text of seen.slice(1)) expect(text).not.toContain(hash);
  // The rows are there, so the search could have found something.
  expect(seen[0]).toContain(id);
});

test('two users of one name are two users with two tokens', async () => {
  const call = started();
  const [a, b] = [await system.user('user', 'ada'), await system.user('user', 'ada')];
  expect(a.id).not.toBe(b.id);
  expect(a.token).not.toBe(b.token);
  expect((await call('GET', '/v1/users')).json.items).toHaveLength(2);
});

test('disabling takes effect at once, is done once, and leaves the jobs to admins', async () => {
  const call = started();
  const ada = await system.user('user', 'ada');
  const job = await system.schedule('sleep', { ms: 0 }, {}, ada.token);
  const first = await call('POST', `/v1/users/${ada.id}/disable`);
  expect(first.json.disabled_at).toBe(new Date(system.clock.time).toISOString());
  expect((await call('GET', '/v1/jobs', undefined, { token: ada.token })).status).toBe(401);
  await system.clock.advance(60_000);
  const again = await call('POST', `/v1/users/${ada.id}/disable`);
  expect(again).toMatchObject({ status: 200, json: first.json });
  expect((await call('GET', `/v1/jobs/${job.id}`)).json.owner_id).toBe(ada.id);
});

test('nobody there to disable is a 404', async () => {
  const call = started();
  for (const id of ['none', 'bootstrap', crypto.randomUUID()])
    expect(await call('POST', `/v1/users/${id}/disable`)).toMatchObject({ status: 404, json: { code: 'not_found' } });
});

test('the last admin stays where no bootstrap token could let another in', async () => {
  const call = started({ BOOTSTRAP_ADMIN_TOKEN: '' });
  const token = (await createFirstAdmin(system.ctx())) as string;
  const as = { token };
  const [first] = (await call('GET', '/v1/users', undefined, as)).json.items;
  await call('POST', '/v1/users', { name: 'ada', role: 'user' }, as);
  const refused = await call('POST', `/v1/users/${first.id}/disable`, undefined, as);
  expect(refused).toMatchObject({ status: 409, json: { code: 'last_admin' } });
  expect((await call('GET', '/v1/users', undefined, as)).status).toBe(200);

  const second = (await call('POST', '/v1/users', { name: 'bob', role: 'admin' }, as)).json;
  expect((await call('POST', `/v1/users/${first.id}/disable`, undefined, as)).status).toBe(200);
  expect((await call('GET', '/v1/users', undefined, as)).status).toBe(401);
  const last = await call('POST', `/v1/users/${second.id}/disable`, undefined, { token: second.token });
  expect(last.status).toBe(409);
});

test('two admins who disable each other at once do not both succeed', async () => {
  const call = started({ BOOTSTRAP_ADMIN_TOKEN: '' });
  const a = { token: (await createFirstAdmin(system.ctx())) as string };
  const [{ id }] = (await call('GET', '/v1/users', undefined, a)).json.items;
  const b = (await call('POST', '/v1/users', { name: 'b', role: 'admin' }, a)).json;
  const answers = await Promise.all([
    call('POST', `/v1/users/${b.id}/disable`, undefined, a),
    call('POST', `/v1/users/${id}/disable`, undefined, { token: b.token }),
  ]);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  const left = system.db.prepare("SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL").pluck();
  expect(left.get()).toBe(1);
});

test('with a bootstrap token every admin may go', async () => {
  const call = started();
  const admin = await system.user('admin', 'root');
  expect((await call('POST', `/v1/users/${admin.id}/disable`)).status).toBe(200);
  expect((await call('GET', '/v1/users')).status).toBe(200);
});

test('the bootstrap token is no user: it is in no list, and a changed one is worth nothing', async () => {
  const call = started();
  expect((await call('GET', '/v1/users')).json.items).toEqual([]);
  const other = routed(system, system.newEnv({ BOOTSTRAP_ADMIN_TOKEN: 'another-bootstrap-token' }));
  expect((await other('GET', '/v1/users')).status).toBe(401);
  const none = routed(system, system.newEnv({ BOOTSTRAP_ADMIN_TOKEN: '' }));
  for (const token of ['', 'undefined', 'bootstrap'])
    expect((await none('GET', '/v1/users', undefined, { token })).status).toBe(401);
});

test('a list of users is paged, newest first', async () => {
  const call = started();
  const made: string[] = [];
  for (let i = 0; i < 7; i++) made.unshift((await system.user('user', `user ${i}`)).id);
  const seen: string[] = [];
  let path = '/v1/users?limit=3';
  for (let cursor: string | null = ''; cursor !== null; path = `/v1/users?limit=3&cursor=${cursor}`) {
    const { json } = await call('GET', path);
    seen.push(...json.items.map(({ id }: { id: string }) => id));
    cursor = json.next_cursor;
  }
  expect(seen).toEqual(made);
});

test.each([
  [{}],
  [{ name: 'ada' }],
  [{ role: 'user' }],
  [{ name: '', role: 'user' }],
  [{ name: '   ', role: 'user' }],
  [{ name: '\t\u00a0\u2028', role: 'user' }],
  [{ name: 'a'.repeat(101), role: 'user' }],
  [{ name: 7, role: 'user' }],
  [{ name: 'ada', role: 'root' }],
  [{ name: 'ada', role: 'Admin' }],
  [{ name: 'ada', role: ['admin'] }],
  [{ name: 'ada', role: 'user', token: 'mine' }],
  [{ name: 'ada', role: 'user', id: 'mine' }],
])('%j makes no user', async (body) => {
  const call = started();
  expect(await call('POST', '/v1/users', body)).toMatchObject({ status: 422, json: { code: 'invalid_body' } });
  expect(system.db.prepare('SELECT count(*) FROM users').pluck().get()).toBe(0);
});
