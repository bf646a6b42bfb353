import { afterAll, beforeAll, expect, test } from 'vitest';
import { System } from '../support/system.ts';

let system: System;
const users: { id: string; token: string }[] = [];
beforeAll(async () => {
  system = new System();
  for (const name of ['ada', 'bob']) users.push(await system.user('user', name));
});
afterAll(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const find = async (q: string, { token, more = '' }: { token?: string | undefined; more?: string } = {}) =>
  (
    await system.call('GET', `/v1/jobs?q=${encodeURIComponent(q)}${more}`, undefined, token ? { token } : {})
  ).json.items.map(({ id }: { id: string }) => id);

test('a job is found by its id and by its idempotency key, whole', async () => {
  const { id } = await system.schedule('sleep', { ms: 0 }, { idempotency_key: 'order-7' });
  expect(await find(id)).toEqual([id]);
  expect(await find('order-7')).toEqual([id]);
  for (const other of ['order-', 'order-77', '%', id.slice(0, 20), 'ORDER-7']) expect(await find(other)).toEqual([]);
});

test('an admin finds the key under every owner, newest first; a user under its own only', async () => {
  const made = [];
  for (const { token } of users)
    made.push((await system.schedule('sleep', { ms: 0 }, { idempotency_key: 'same' }, token)).id);
  expect(await find('same')).toEqual([...made].reverse());
  expect(await find('same', { more: `&owner_id=${users[0]?.id}` })).toEqual([made[0]]);
  expect(await find('same', { token: users[0]?.token })).toEqual([made[0]]);
  expect(await find(made[1] as string, { token: users[0]?.token })).toEqual([]);
});

test('what is found fits the other filters, too', async () => {
  const { id } = await system.schedule('sleep', { ms: 0 });
  expect(await find(id, { more: '&status=pending&task_type=sleep' })).toEqual([id]);
  expect(await find(id, { more: '&status=done' })).toEqual([]);
  expect(await find(id, { more: '&task_type=webhook' })).toEqual([]);
});

test('a search has one page, and a cursor of another list is no good with it', async () => {
  const { json } = await system.call('GET', '/v1/jobs?limit=1');
  const answer = await system.call('GET', `/v1/jobs?q=same&cursor=${json.next_cursor}`);
  expect(answer).toMatchObject({ status: 400, json: { code: 'bad_cursor' } });
  expect((await system.call('GET', '/v1/jobs?q=')).status).toBe(400);
});
