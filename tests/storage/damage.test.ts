import Sqlite from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { damage } from '../support/damage.ts';
import { cleanUp, pause, Server } from '../support/server.ts';

afterEach(cleanUp);

const transform = { task_type: 'transform', payload: { input: [1, 2], expression: '[0]' } };

test('what touches a damaged page is answered 503, nothing wrong is served, and the rest goes on', async () => {
  const first = await Server.start({ bare: true });
  const { id } = (await first.call('POST', '/v1/jobs', transform)).json;
  await first.until(id, ['done']);
  expect(await first.stop()).toBe(0);
  damage(first.file, 'logs');

  const { folder } = first;
  const server = await Server.start({ folder, bare: true });
  for (let i = 0; i < 3; i++) {
    for (const [method, path, body] of [
      ['GET', '/v1/logs'],
      ['POST', '/v1/jobs', transform],
    ] as const) {
      const answer = await server.call(method, path, body);
      expect(answer, path).toMatchObject({ status: 503, json: { code: 'database_unavailable' } });
      expect(answer.json.detail).toBe('The database is damaged; whoever runs the service has to restore it.');
    }
    expect((await server.call('GET', '/healthz')).status).toBe(200);
    expect((await server.call('GET', `/v1/jobs/${id}`)).json).toMatchObject({ status: 'done', result: 1 });
    await pause(300);
  }
  // Each tick says it once, and each request, in a line: no stack.
  const causes = server.lines.filter(({ level }) => level === 'error');
  expect(causes.filter(({ msg }) => msg === 'tick failed').length).toBeLessThan(4);
  for (const { cause } of causes) expect(cause).toMatch(/^SQLITE_CORRUPT\w* database disk image is malformed$/);
  expect(server.stderr).toBe('');
  expect(await server.stop()).toBe(0);
  const db = new Sqlite(first.file, { readonly: true });
  expect(db.prepare('SELECT count(*) FROM jobs').pluck().get()).toBe(1);
  db.close();
});

test('a database whose jobs are damaged serves who they are not asked for, and runs none', async () => {
  const first = await Server.start({ bare: true });
  await first.schedule('sleep', { ms: 0 }, { delay_ms: 500 });
  expect(await first.stop()).toBe(0);
  damage(first.file, 'jobs');
  const server = await Server.start({ folder: first.folder, bare: true });
  expect((await server.call('GET', '/v1/jobs')).status).toBe(503);
  expect((await server.call('POST', '/v1/users', { name: 'ada', role: 'user' })).status).toBe(201);
  expect((await server.call('GET', '/v1/users')).json.items).toHaveLength(1);
  expect(await server.stop()).toBe(0);
});
