import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tasks } from '../../core/tasks/index.ts';
import { type Call, routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

// Whatever is sent, the answer is one that the contract knows (`routed` holds each against it), and never a 5xx.

let system: System;
let call: Call;
beforeAll(() => {
  system = new System();
  call = routed(system);
});
afterAll(() => {
  expect(system.breaches()).toEqual([]);
  system.close();
});

const count = () => system.db.prepare('SELECT count(*) FROM jobs').pluck().get() as number;

/** Sends it; a job is there afterwards exactly if the answer was 201, and it reads back as it was answered. */
async function send(body: string | Uint8Array): Promise<number> {
  const before = count();
  const { status, json } = await call('POST', '/v1/jobs', body);
  expect(status).toBeLessThan(500);
  expect(count()).toBe(before + (status === 201 ? 1 : 0));
  if (status === 201) expect((await call('GET', `/v1/jobs/${json.id}`)).json).toEqual(json);
  return status;
}

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 6 }),
  fc.constantFrom(null, '', -1, 0, 1e16, 1e308, '__proto__', '\u0000', '\ud800', [], {}, [[[]]], '9'.repeat(400)),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.date({ noInvalidDate: false }).map((date) => (Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toISOString())),
);

const mostly = (usual: fc.Arbitrary<unknown>) => fc.oneof({ weight: 9, arbitrary: usual }, anything);
const options = {
  max_retries: mostly(fc.integer({ min: -1, max: 101 })),
  priority: mostly(fc.integer({ min: -1001, max: 1001 })),
  run_at: mostly(
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2030-01-01') }).map((date) => date.toISOString()),
  ),
  delay_ms: mostly(fc.nat()),
  timeout_ms: mostly(fc.integer({ min: 0, max: 86_400_001 })),
  idempotency_key: mostly(fc.string({ unit: 'binary', minLength: 1, maxLength: 256 })),
};
const fields = fc.constantFrom('ms', 'to', 'subject', 'text', 'url', 'method', 'body', 'input', 'expression');

/** Something like a job request: a task, its own payload or another, and some options, most of them right. */
const almostRequest = fc.constantFrom(...tasks).chain(({ type, example }) =>
  fc.record(
    {
      task_type: mostly(fc.constant(type)),
      payload: fc.oneof(mostly(fc.constant(example)), fc.dictionary(fields, anything)),
      ...options,
      owner_id: anything,
    },
    { requiredKeys: ['task_type', 'payload'] },
  ),
);

const text = (value: unknown): string => JSON.stringify(value) ?? '';

test('any JSON value is refused or scheduled', async () => {
  await fc.assert(
    fc.asyncProperty(anything, async (value) => void (await send(text(value)))),
    { numRuns: 500 },
  );
});

test('anything like a request is refused or scheduled, and both happen', async () => {
  const seen = new Set<number>();
  const property = fc.asyncProperty(almostRequest, async (value) => void seen.add(await send(text(value))));
  await fc.assert(property, { numRuns: 2000, seed: 7 });
  for (const status of [201, 400, 422]) expect(seen).toContain(status);
});

test('a valid request with bytes changed is refused or scheduled', async () => {
  const valid = tasks.map(({ type, example }) => Buffer.from(text({ task_type: type, payload: example, priority: 3 })));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(fc.constantFrom(...valid), changes, async (bytes, list) => {
    const changed = Uint8Array.from(bytes);
    for (const [at, byte] of list) changed[at % changed.length] = byte;
    await send(changed);
  });
  await fc.assert(property, { numRuns: 1000 });
});

test('random bytes are refused', async () => {
  const bytes = fc.uint8Array({ maxLength: 2000 });
  await fc.assert(
    fc.asyncProperty(bytes, async (value) => void expect(await send(value)).not.toBe(201)),
    { numRuns: 500 },
  );
});

test('a batch of anything is taken whole or not at all', async () => {
  const batch = fc.array(fc.oneof({ weight: 4, arbitrary: almostRequest }, anything), { maxLength: 5 });
  const property = fc.asyncProperty(batch, async (jobs) => {
    const before = count();
    const { status, json } = await call('POST', '/v1/jobs/batch', text({ jobs }));
    expect(status).toBeLessThan(500);
    if (status !== 201) expect(count()).toBe(before);
    // Twins under one key are one job.
    else expect(count()).toBe(before + new Set(json.items.map(({ id }: { id: string }) => id)).size);
  });
  await fc.assert(property, { numRuns: 500 });
});

test('anything in a query, a path or another body is answered without a failure', async () => {
  const word = fc.string({ unit: 'binary', maxLength: 80 }).map(encodeURIComponent);
  const raw = fc.stringMatching(/^[!-~]{0,60}$/).map((value) => value.replaceAll('#', '').replaceAll('\\', ''));
  const path = fc.oneof(
    fc
      .tuple(fc.constantFrom('jobs', 'logs', 'users'), fc.constantFrom('cursor', 'limit', 'status', 'event', 'x'), word)
      .map(([list, name, value]) => `/v1/${list}?${name}=${value}`),
    fc
      .tuple(
        fc.constantFrom('/v1/jobs/*', '/v1/logs?*', '/v1/jobs?*', '/v1/users/*/disable', '/*'),
        fc.oneof(word, raw),
      )
      .map(([pattern, value]) => pattern.replace('*', () => value)),
  );
  await fc.assert(
    fc.asyncProperty(path, async (one) => void expect((await call('GET', one)).status).toBeLessThan(500)),
    { numRuns: 1500 },
  );
  const others = fc.constantFrom('/v1/dlq/redrive', '/v1/users', '/v1/jobs/none/redrive', '/v1/jobs/none/cancel');
  await fc.assert(
    fc.asyncProperty(others, anything, async (one, value) => {
      expect((await call('POST', one, text(value))).status).toBeLessThan(500);
    }),
    { numRuns: 500 },
  );
});
