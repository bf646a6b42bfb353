import { afterEach, describe, expect, test } from 'vitest';
import { Gateway } from '../support/gateway.ts';
import { ADMIN } from '../support/system.ts';
import { Subject, targets } from './conform.ts';

const calls: [string, string, object?][] = [
  ['POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } }],
  ['POST', '/v1/jobs/batch', { jobs: [{ task_type: 'sleep', payload: { ms: 0 } }] }],
  ['GET', '/v1/jobs'],
  ['GET', '/v1/jobs/report'],
  ['GET', '/v1/jobs/0199d4c1-0000-7000-8000-000000000001'],
  ['POST', '/v1/jobs/0199d4c1-0000-7000-8000-000000000001/cancel'],
  ['POST', '/v1/jobs/0199d4c1-0000-7000-8000-000000000001/redrive', { reason: 'r' }],
  ['POST', '/v1/dlq/redrive', { reason: 'r' }],
  ['GET', '/v1/logs'],
  ['POST', '/v1/users', { name: 'a', role: 'user' }],
  ['GET', '/v1/users'],
  ['GET', '/healthz'],
];

let subject: Subject | undefined;
afterEach(async () => {
  await subject?.target.close();
  subject = undefined;
});

const ticks = ['process-batch', 'coordinate'] as const;

describe.each(targets)('On %s', (_, make) => {
  test('a database that is not migrated is a 503 on every route, and a failed tick', async () => {
    subject = await Subject.make(make);
    const tables = await subject.sql<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    );
    for (const { name } of tables) await subject.sql(`DROP TABLE ${name}`);
    for (const [method, path, body] of calls) {
      const { status, json, headers } = await subject.call(method, path, body);
      expect([status, json.code], path).toEqual([503, 'database_unavailable']);
      expect(headers.get('retry-after'), path).not.toBe(null);
    }
    for (const name of ticks) await expect(subject.tick(name), name).rejects.toThrow();
    expect(await subject.sql("SELECT name FROM sqlite_master WHERE name IN ('jobs', 'logs', 'users')")).toEqual([]);
  });

  test('a column that a newer version has and this database lacks is a 503, and nothing is written', async () => {
    subject = await Subject.make(make);
    const { id } = await subject.schedule('sleep', { ms: 0 });
    const size = await subject.size();
    await subject.sql('ALTER TABLE jobs RENAME COLUMN interruptions TO interrupted');
    expect(await subject.fate('GET', `/v1/jobs/${id}`)).toEqual([503, 'database_unavailable']);
    await subject.sql('ALTER TABLE jobs RENAME COLUMN interrupted TO interruptions');
    expect(await subject.size()).toEqual(size);
    expect((await subject.job(id)).status).toBe('pending');
  });

  test('a bad setting is a 503 that names it and not its value, a failed tick, and nothing is written', async () => {
    subject = await Subject.make(make, { LEASE_MS: 'soon-and-secret' });
    const { status, json } = await subject.call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 0 } });
    expect([status, json.code]).toEqual([503, 'misconfigured']);
    expect(json.detail).toContain('LEASE_MS');
    expect(JSON.stringify(json)).not.toContain('soon-and-secret');
    for (const name of ticks) await expect(subject.tick(name), name).rejects.toThrow();
    expect(await subject.size()).toEqual({ jobs: 0, logs: 0, users: 0 });
  });
});

describe('A gateway without its binding DB', () => {
  test('answers 503 on every route, and its ticks fail', async () => {
    const gateway = await Gateway.start({ database: 'none' });
    try {
      for (const [method, path, body] of calls) {
        const { status, json } = await gateway.call(method, path, body, { token: ADMIN });
        expect([status, json.code], path).toEqual([503, 'database_unavailable']);
      }
      expect(await gateway.cron()).toBe('exception');
    } finally {
      await gateway.close();
    }
  });
});
