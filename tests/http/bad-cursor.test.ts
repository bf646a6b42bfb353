import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Call, routed, rowCounts } from '../support/contract.ts';
import { System } from '../support/system.ts';

let system: System;
let call: Call;
let before: unknown;
const users: { id: string; token: string }[] = [];

beforeAll(async () => {
  system = new System();
  call = routed(system);
  for (const name of ['ada', 'bob']) users.push(await system.user('user', name));
  for (const user of users) for (let i = 0; i < 5; i++) await system.schedule('sleep', { ms: i }, {}, user.token);
  before = rowCounts(system.db);
});
afterAll(() => system.close());

afterEach(async () => {
  expect(rowCounts(system.db)).toEqual(before);
  expect((await call('GET', '/v1/jobs/report')).status).toBe(200);
});

const lists = ['/v1/jobs', '/v1/logs', '/v1/users'];

describe('A cursor', () => {
  const ada = () => ({ token: users[0]?.token as string });
  const bob = () => ({ token: users[1]?.token as string });
  const admin = () => ({});

  /** The cursor of Ada's first page. */
  const taken = async (path = '/v1/jobs?limit=2', who: () => object = ada): Promise<string> => {
    const { json } = await call('GET', path, undefined, who());
    expect(json.next_cursor).toEqual(expect.any(String));
    return json.next_cursor;
  };

  const refused = async (path: string, who: () => object = ada) =>
    expect(await call('GET', path, undefined, who())).toMatchObject({ status: 400, json: { code: 'bad_cursor' } });

  test('is good for the same list again, with another limit too', async () => {
    const cursor = await taken();
    const page = async (limit: number) =>
      (await call('GET', `/v1/jobs?limit=${limit}&cursor=${cursor}`, undefined, ada())).json.items.length;
    expect([await page(1), await page(2), await page(100)]).toEqual([1, 2, 3]);
  });

  test('that was changed in any one character is refused', async () => {
    const cursor = await taken();
    for (let i = 0; i < cursor.length; i++) {
      const other = cursor[i] === 'A' ? 'B' : 'A';
      await refused(`/v1/jobs?limit=2&cursor=${cursor.slice(0, i)}${other}${cursor.slice(i + 1)}`);
    }
    for (const changed of [
      `${cursor}A`,
      `${cursor}=`,
      `${cursor}==`,
      cursor.slice(1),
      cursor.slice(0, -1),
      `${cursor}%00`,
    ])
      await refused(`/v1/jobs?cursor=${changed}`);
  });

  test.each(['', '0', 'x', '%20', '%00', 'MTIz', 'bnVsbA', '!!!', '😀', '../..', '-1', '9007199254740993', 'LS4t'])(
    'that is %j is refused',
    async (text) => {
      for (const list of lists) await refused(`${list}?cursor=${encodeURIComponent(text)}`, admin);
    },
  );

  test('of another user is refused', async () => {
    await refused(`/v1/jobs?cursor=${await taken()}`, bob);
    await refused(`/v1/jobs?cursor=${await taken()}`, admin);
    await refused(`/v1/jobs?cursor=${await taken('/v1/jobs?limit=2', admin)}`);
  });

  test('of another list is refused', async () => {
    const jobs = await taken('/v1/jobs?limit=1', admin);
    const logs = await taken('/v1/logs?limit=1', admin);
    const all = await taken('/v1/users?limit=1', admin);
    for (const cursor of [logs, all]) await refused(`/v1/jobs?cursor=${cursor}`, admin);
    for (const cursor of [jobs, all]) await refused(`/v1/logs?cursor=${cursor}`, admin);
    for (const cursor of [jobs, logs]) await refused(`/v1/users?cursor=${cursor}`, admin);
  });

  test('of another filter is refused', async () => {
    const cursor = await taken();
    for (const filter of ['status=pending', 'task_type=sleep', 'status=dlq', 'status=failed'])
      await refused(`/v1/jobs?cursor=${cursor}&${filter}`);
    await refused(`/v1/jobs?cursor=${await taken('/v1/jobs?limit=2&status=pending')}`);
    await refused(`/v1/jobs?cursor=${await taken('/v1/jobs?limit=2', admin)}&owner_id=${users[0]?.id}`, admin);
    const logs = await taken('/v1/logs?limit=2');
    for (const filter of ['level=info', 'event=scheduled']) await refused(`/v1/logs?cursor=${logs}&${filter}`);
  });
});
