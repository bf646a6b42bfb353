import { describe, expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import { digest } from '../../core/ids.ts';
import coordinate from '../../functions/coordinate.ts';
import processBatch from '../../functions/process-batch.ts';
import { type Call, routed } from '../support/contract.ts';
import { during } from '../support/drive.ts';
import { type Fault, failingAt, faults } from '../support/faults.ts';
import { type Answer, System } from '../support/system.ts';

/** One request, made while the database fails, and made again afterwards. */
interface Scene {
  name: string;
  /** Prepares the system; what `request` and `expected` need. */
  arrange?(system: System): Promise<string>;
  request(call: Call, known: string): Promise<Answer>;
  /** Statuses of the first answer, where the database was able to give one. */
  works: number[];
  /** Statuses when the client asks again, after a 503. */
  again: number[];
  /** Holds the database against what the first answer, and the one after it, promised. */
  check(system: System, first: Answer, second: Answer | undefined, known: string): void;
}

const sleep = (more: object = {}) => ({ task_type: 'sleep', payload: { ms: 0 }, ...more });
const count = (system: System, sql: string, ...values: unknown[]): unknown =>
  system.db
    .prepare(`SELECT count(*) FROM ${sql}`)
    .pluck()
    .get(...values);
const jobs = (system: System) => count(system, 'jobs');

const buried = async (system: System): Promise<string> => {
  const { id } = await system.schedule('sendEmail', { to: 'a@example.com', subject: 's', text: 't' });
  await processBatch.scheduled({}, system.env);
  await coordinate.scheduled({}, system.env);
  expect((await system.job(id)).status).toBe('dlq');
  return id;
};

const scenes: Scene[] = [
  {
    name: 'POST /v1/jobs without a key',
    request: (call) => call('POST', '/v1/jobs', sleep()),
    works: [201],
    again: [201],
    check: (system, first, second) =>
      expect(jobs(system)).toBe([first, second].filter((a) => a?.status === 201).length),
  },
  {
    name: 'POST /v1/jobs with a key',
    request: (call) => call('POST', '/v1/jobs', sleep({ idempotency_key: 'k' })),
    works: [201],
    again: [200, 201],
    check: (system) => expect(jobs(system)).toBe(1),
  },
  {
    name: 'POST /v1/jobs with a key that was used',
    arrange: async (system) => (await system.schedule('sleep', { ms: 0 }, { idempotency_key: 'k' })).id,
    request: (call) => call('POST', '/v1/jobs', sleep({ idempotency_key: 'k' })),
    works: [200],
    again: [200],
    check: (system, first, second, known) => {
      expect(jobs(system)).toBe(1);
      expect((second ?? first).json.id).toBe(known);
    },
  },
  {
    name: 'POST /v1/jobs/batch with and without keys',
    arrange: async (system) => (await system.schedule('sleep', { ms: 0 }, { idempotency_key: 'old' })).id,
    request: (call) => {
      const set = [sleep(), sleep({ idempotency_key: 'old' }), sleep({ idempotency_key: 'new' }), sleep({ idempotency_key: 'new' })]; // biome-ignore format: one line
      return call('POST', '/v1/jobs/batch', { jobs: set });
    },
    works: [201],
    again: [201],
    check: (system, first, second, known) => {
      const accepted = [first, second].filter((a) => a?.status === 201).length;
      // The two with keys are one each, whatever happened; those without are one for each acceptance.
      expect(jobs(system)).toBe(2 + accepted);
      const items = (second ?? first).json.items;
      expect(items[1].id).toBe(known);
      expect(items[2].id).toBe(items[3].id);
    },
  },
  {
    name: 'POST /v1/jobs/{id}/cancel of a pending job',
    arrange: async (system) => (await system.schedule('sleep', { ms: 0 })).id,
    request: (call, id) => call('POST', `/v1/jobs/${id}/cancel`),
    works: [200],
    again: [200, 409],
    check: (system, _first, _second, id) => {
      expect(system.events(id)).toEqual(['scheduled', 'cancelled']);
    },
  },
  {
    name: 'POST /v1/jobs/{id}/redrive',
    arrange: buried,
    request: (call, id) => call('POST', `/v1/jobs/${id}/redrive`, { reason: 'mended' }),
    works: [200],
    again: [200, 409],
    check: (system, _first, _second, id) => {
      expect(system.events(id).filter((event) => event === 'redriven')).toHaveLength(1);
    },
  },
  {
    name: 'POST /v1/dlq/redrive',
    arrange: buried,
    request: (call) => call('POST', '/v1/dlq/redrive', { reason: 'mended' }),
    works: [200],
    again: [200],
    check: (system, _first, _second, id) => {
      expect(system.events(id).filter((event) => event === 'redriven')).toHaveLength(1);
    },
  },
  {
    name: 'POST /v1/users',
    request: (call) => call('POST', '/v1/users', { name: 'ada', role: 'user' }),
    works: [201],
    again: [201],
    check: (system, first, second) =>
      expect(count(system, 'users')).toBe([first, second].filter((a) => a?.status === 201).length),
  },
  {
    name: 'POST /v1/users/{id}/disable',
    arrange: async (system) => (await system.user()).id,
    request: (call, id) => call('POST', `/v1/users/${id}/disable`),
    works: [200],
    again: [200],
    check: (system) => expect(count(system, 'users WHERE disabled_at IS NULL')).toBe(0),
  },
  {
    name: 'POST /v1/users/{id}/rotate',
    arrange: async (system) => (await system.user()).id,
    request: (call, id) => call('POST', `/v1/users/${id}/rotate`),
    works: [200],
    again: [200],
    // Rotating again is the cure of a lost answer: the newest token that anybody was shown is the one that works.
    check: (system, first, second) => {
      const shown = [second, first].find((answer) => answer?.status === 200)?.json.token;
      const kept = system.db.prepare('SELECT token_hash FROM users').pluck().get();
      if (shown) expect(kept).toBe(digest(shown));
    },
  },
  ...[
    '/v1/jobs',
    '/v1/jobs/report',
    '/v1/logs',
    '/v1/users',
    '/healthz',
    '/openapi.json',
    '/',
    '/v1/dumps',
    '/v1/live',
    '/v1/tasks',
  ].map((path): Scene => {
    // Only the built function holds the document.
    const works = path === '/openapi.json' ? [500] : [200];
    const request = (call: Call) => call('GET', path);
    return { name: `GET ${path}`, request, works, again: works, check: (system) => expect(jobs(system)).toBe(0) };
  }),
  {
    name: 'GET /v1/jobs/{id}',
    arrange: async (system) => (await system.schedule('sleep', { ms: 0 })).id,
    request: (call, id) => call('GET', `/v1/jobs/${id}`),
    works: [200],
    again: [200],
    check: (_system, first, second, id) => expect((second ?? first).json.id).toBe(id),
  },
  {
    name: 'GET /v1/logs of a job',
    arrange: async (system) => (await system.schedule('sleep', { ms: 0 })).id,
    request: (call, id) => call('GET', `/v1/logs?job_id=${id}`),
    works: [200],
    again: [200],
    check: (_system, first, second) => expect((second ?? first).json.items).toHaveLength(1),
  },
];

/** Plays a scene whose `at`-th call to the database goes wrong. Whether there was such a call. */
async function play(scene: Scene, at: number, fault: Fault, settings: Record<string, string>): Promise<boolean> {
  const system = new System(settings);
  try {
    const known = (await scene.arrange?.(system)) ?? '';
    const { port, met } = failingAt(system.env.DB, at, fault);
    const env: Env = { ...system.env, DB: port };
    const first = await during(system.clock, scene.request(routed(system, env), known));
    expect(met() ? [503, ...scene.works] : scene.works, `call ${at}`).toContain(first.status);
    const second = first.status === 503 ? await scene.request(routed(system), known) : undefined;
    if (second) expect(scene.again, `call ${at}`).toContain(second.status);
    scene.check(system, first, second, known);
    expect(system.breaches()).toEqual([]);
    await drain(system);
    return met();
  } finally {
    system.close();
  }
}

/** Runs healthy ticks; after them every job has ended, and none was charged an interruption. */
async function drain(system: System): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await during(system.clock, processBatch.scheduled({}, system.env));
    await coordinate.scheduled({}, system.env);
    await system.clock.advance(60_000);
  }
  expect(count(system, "jobs WHERE status NOT IN ('done', 'dlq', 'cancelled') OR interruptions > 0")).toBe(0);
  expect(system.breaches()).toEqual([]);
}

describe.each(faults)('With a call to the database that is %s', (fault) => {
  test.each(scenes)('$name loses nothing and does nothing twice, whichever call it is', async (scene) => {
    for (const settings of [{}, { CLOCK: 'database' }]) {
      let at = 1;
      while (await play(scene, at, fault, settings)) at += 1;
      // Every request but those without a database asks it twice: who may, and what is wanted.
      expect(at).toBeGreaterThan(1);
    }
  });
});
