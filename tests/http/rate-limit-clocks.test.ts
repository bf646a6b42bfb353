import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { TestClock } from '../support/clock.ts';
import { routed } from '../support/contract.ts';
import { System } from '../support/system.ts';

// What clocks may do to a bucket: jump, fall behind, differ from host to host.

let system: System;
afterEach(() => system.close());

const CAPACITY = 5;
const WINDOW_MS = 10_000;
const settings = { RL_CAPACITY: String(CAPACITY), RL_WINDOW_MS: String(WINDOW_MS) };

function limited(more: Record<string, string> = {}) {
  system = new System({ ...settings, ...more });
  return routed(system);
}

const remaining = (headers: Headers): number => Number(/;r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);

test('a clock that jumped ahead and was set right locks nobody out for longer than a window', async () => {
  const call = limited();
  await system.clock.advance(365 * 86_400_000);
  for (let i = 0; i <= CAPACITY; i++) await call('GET', '/v1/jobs');
  await system.clock.advance(-365 * 86_400_000);
  const { status, headers } = await call('GET', '/v1/jobs');
  expect(status).toBe(429);
  await system.clock.advance(Number(headers.get('retry-after')) * 1000);
  expect((await call('GET', '/v1/jobs')).status).toBe(200);
  await system.clock.advance(WINDOW_MS);
  expect(remaining((await call('GET', '/v1/jobs')).headers)).toBe(CAPACITY - 1);
});

test('a clock that falls behind gives no token and takes none away', async () => {
  const call = limited();
  await call('GET', '/v1/jobs');
  await system.clock.advance(-WINDOW_MS / 2);
  expect(remaining((await call('GET', '/v1/jobs')).headers)).toBe(CAPACITY - 2);
});

test('hosts whose clocks differ by less than a window give together no more than one would', async () => {
  const ahead = limited();
  const behind = routed(system, system.newEnv(settings, new TestClock(system.clock.time - WINDOW_MS + 1)));
  let admitted = 0;
  for (let i = 0; i < 30; i++)
    for (const call of [ahead, behind]) if ((await call('GET', '/v1/jobs')).status === 200) admitted += 1;
  expect(admitted).toBe(CAPACITY);
});

test('with CLOCK=database every bucket is stamped by the database’s clock, whoever asked for what', async () => {
  const call = limited({ CLOCK: 'database' });
  system.clock.time = 1_000_000_000_000;
  await call('GET', '/v1/jobs');
  await call('GET', '/v1/nowhere', undefined, { token: null, client: '10.0.0.1' });
  await call('POST', '/v1/ticks/coordinate', undefined, { token: null, client: '10.0.0.2' });
  const off = "SELECT bucket FROM rate_limits WHERE abs(at - unixepoch('subsec') * 1000) > 60000";
  expect(system.db.prepare(off).pluck().all()).toEqual([]);
  expect(system.db.prepare('SELECT count(*) FROM rate_limits').pluck().get()).toBe(3);
});

test('Retry-After tells the truth to a host whose clock is behind', async () => {
  const call = limited();
  for (let i = 0; i < CAPACITY; i++) await call('GET', '/v1/jobs');
  await system.clock.advance(-WINDOW_MS / 2);
  const { headers } = await call('GET', '/v1/jobs');
  await system.clock.advance(Number(headers.get('retry-after')) * 1000);
  expect((await call('GET', '/v1/jobs')).status).toBe(200);
});

test('over any span the clock shows, admissions stay within capacity plus rate times span, whatever it does', async () => {
  const rate = CAPACITY / WINDOW_MS;
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 3000 }) },
    { weight: 2, arbitrary: fc.integer({ min: -3 * WINDOW_MS, max: 3 * WINDOW_MS }) },
    { weight: 1, arbitrary: fc.constantFrom(-86_400_000, 86_400_000) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const call = limited();
      const read = system.db.prepare('SELECT tokens FROM rate_limits').pluck();
      // Time that went by on this clock: steps back are no time.
      const admissions: { shown: number; admitted: number }[] = [];
      let shown = 0;
      for (const ms of steps) {
        await system.clock.advance(ms);
        shown += Math.max(0, ms);
        const { status } = await call('GET', '/v1/jobs', undefined);
        expect([200, 429]).toContain(status);
        admissions.push({ shown, admitted: status === 200 ? 1 : 0 });
        const tokens = read.get() as number;
        expect(tokens).toBeGreaterThanOrEqual(0);
        expect(tokens).toBeLessThanOrEqual(CAPACITY);
      }
      system.close();
      for (const [i, first] of admissions.entries()) {
        let sum = 0;
        for (const later of admissions.slice(i)) {
          sum += later.admitted;
          expect(sum).toBeLessThanOrEqual(CAPACITY + rate * (later.shown - first.shown) + 1e-3);
        }
      }
    }),
    { numRuns: 60, seed: 13 },
  );
  limited();
});
