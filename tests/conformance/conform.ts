import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import type { Job } from '../../core/lifecycle/job.ts';
import { expectContract } from '../support/contract.ts';
import { type Answers, judge, questions } from '../support/invariants.ts';
import { pause } from '../support/server.ts';
import { ADMIN, type Answer } from '../support/system.ts';
import { d1 } from './d1.ts';
import { libsql } from './libsql.ts';
import { sqlite } from './sqlite.ts';
import type { Target, TargetFactory } from './target.ts';

/** Every database the port has, on the runtime where it is used. */
export const targets: [string, TargetFactory][] = [
  ['SQLite in Node', sqlite],
  ['D1 in workerd', d1],
  ['libSQL in Lambda', libsql],
];

const usual = {
  BOOTSTRAP_ADMIN_TOKEN: ADMIN,
  TICK_SECRET: 'tick-secret',
  RL_CAPACITY: '1000000',
  RL_WINDOW_MS: '1000',
  WEBHOOK_ALLOW_PRIVATE: 'true',
  LOG_LEVEL: 'silent',
};

export type CallOptions = NonNullable<Parameters<Target['call']>[3]>;

/** A target with the words the tests use; every answer is held against the contract. */
export class Subject {
  readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  static async make(make: TargetFactory, settings: Record<string, string> = {}): Promise<Subject> {
    return new Subject(await make({ ...usual, ...settings }));
  }

  async call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer> {
    const answer = await this.target.call(method, path, body, options);
    expectContract(method, path, answer);
    return answer;
  }

  /** Status and problem code of a call; null is no problem. */
  async fate(...call: Parameters<Subject['call']>): Promise<[number, string | null]> {
    const { status, json } = await this.call(...call);
    return [status, json.code ?? null];
  }

  tick(name: 'process-batch' | 'coordinate'): Promise<Record<string, number>> {
    return this.target.tick(name);
  }

  sql<Row = Record<string, unknown>>(text: string, ...values: (string | number | null)[]): Promise<Row[]> {
    return this.target.sql<Row>(text, ...values);
  }

  async schedule(task_type: string, payload: object, more: object = {}, token: string = ADMIN): Promise<Job> {
    const { status, json } = await this.call('POST', '/v1/jobs', { task_type, payload, ...more }, { token });
    expect(status, JSON.stringify(json)).toBe(201);
    return json;
  }

  async job(id: string): Promise<Job> {
    return (await this.call('GET', `/v1/jobs/${id}`)).json;
  }

  /** Waits until a job has this status; the job. */
  async until(id: string, status: string): Promise<Job> {
    for (const end = Date.now() + 20_000; ; await pause(20)) {
      const job = await this.job(id);
      if (job.status === status) return job;
      if (Date.now() > end) throw new Error(`${id} is ${job.status}, not ${status}`);
    }
  }

  /** The events in a job's log, oldest first. */
  async events(id: string): Promise<string[]> {
    const { json } = await this.call('GET', `/v1/logs?job_id=${id}&limit=100`);
    return json.items.map(({ event }: { event: string }) => event).reverse();
  }

  async user(role: 'user' | 'admin' = 'user', name = 'ada'): Promise<{ id: string; token: string }> {
    const { status, json } = await this.call('POST', '/v1/users', { name, role });
    expect(status).toBe(201);
    return json;
  }

  /** Makes what waits for a time in this column due long ago. */
  async age(id: string, column: 'run_at' | 'lease_until' | 'finished_at'): Promise<void> {
    await this.sql(`UPDATE jobs SET ${column} = 1 WHERE id = ?1 RETURNING id`, id);
  }

  /** How many rows there are: what a refused request must leave as it was. */
  async size(): Promise<unknown> {
    const count = (table: string) => `(SELECT count(*) FROM ${table}) AS ${table}`;
    return (await this.sql(`SELECT ${['jobs', 'logs', 'users'].map(count).join()}`))[0];
  }

  async breaches(): Promise<string[]> {
    const answers: Record<string, unknown[]> = {};
    for (const [name, sql] of Object.entries(questions)) answers[name] = await this.sql(sql);
    return judge(answers as Answers);
  }

  /** Empties the database, as if no job had ever been. */
  async clear(): Promise<void> {
    await this.sql('UPDATE job_counts_mark SET through = coalesce((SELECT max(seq) FROM logs), through)');
    for (const table of ['jobs', 'logs', 'job_counts', 'rate_limits', 'users']) await this.sql(`DELETE FROM ${table}`);
  }
}

/** Runs the same tests against every target: on an empty database each, which keeps the invariants. */
export function conform(settings: Record<string, string>, tests: (on: () => Subject) => void): void {
  describe.each(targets)('On %s', (_, make) => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await Subject.make(make, settings);
    });
    beforeEach(() => subject.clear());
    afterEach(async () => expect(await subject.breaches()).toEqual([]));
    afterAll(() => subject?.target.close());
    tests(() => subject);
  });
}
