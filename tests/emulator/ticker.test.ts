import { afterEach, expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import { Ticker } from '../../emulator/ticker.ts';
import { pause } from '../support/server.ts';

const never = '0 0 0 1 1 *';
let ticker: Ticker | undefined;
afterEach(() => ticker?.stop());

/** A ticker with one tick, whose runs answer these times, and how often it ran. */
function started(times: readonly (number | undefined)[]) {
  const runs: number[] = [];
  const scheduled = async () => {
    const next = times[runs.length];
    runs.push(Date.now());
    return { done: 1, ...(next !== undefined && { next_at: next }) };
  };
  const tick = { name: 'coordinate', kind: 'tick' as const, scheduled };
  ticker = new Ticker(
    { LOG: () => {} } as unknown as Env,
    [tick] as unknown as ConstructorParameters<typeof Ticker>[1],
  );
  ticker.schedule('coordinate', never);
  ticker.poke('coordinate');
  return runs;
}

async function ran(runs: readonly number[], times: number): Promise<void> {
  while (runs.length < times) await pause(10);
}

test('what fell due between the look of a tick and its end is not left to the cron', async () => {
  const runs = started([Date.now() - 5, undefined]);
  await ran(runs, 2);
  await pause(300);
  expect(runs.length).toBe(2);
});

test('what falls due soon is not run before its time', async () => {
  const time = Date.now() + 400;
  const runs = started([time, undefined]);
  await ran(runs, 2);
  expect(runs[1]).toBeGreaterThanOrEqual(time);
});
