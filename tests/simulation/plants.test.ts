import { beforeAll, describe, expect, test, vi } from 'vitest';
import { load } from './bundle.mjs';
import { plants } from './plants/index.mjs';
import { plant } from './plants/plant.mjs';

const SEEDS = 100;
// What a busy machine may take; nothing is concluded from how long it took.
vi.setConfig({ testTimeout: 600_000 });

let well: Awaited<ReturnType<typeof load>>;
beforeAll(async () => {
  well = await load();
});

type Simulate = typeof well.simulate;

async function firstFailure(simulate: Simulate) {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await simulate({ seed });
    if (outcome.breaches.length > 0) return outcome;
  }
  throw new Error(`Not found in ${SEEDS} seeds.`);
}

describe('A planted bug', () => {
  test.each(plants)(`is found within ${SEEDS} seeds, each time alike, and not without it: $name`, async (planted) => {
    const { simulate } = await load(planted);
    const outcome = await firstFailure(simulate);
    const { seed } = outcome.plan;
    expect(await simulate({ seed })).toEqual(outcome);
    expect((await well.simulate({ seed })).breaches).toEqual([]);
  });

  test('that has no place any more stops the simulator from being bundled', async () => {
    const lost = plant('a bug without a place', ['core/clock.ts', 'no such text', '']);
    await expect(load(lost)).rejects.toThrow(/to replace, once, a text in core\/clock.ts that is not there once/);
  });
});

describe('A failing run', () => {
  test('is shrunk to one that breaks the same law with less, and its command repeats it exactly', async () => {
    const { simulate, shrink, commandOf, readOptions } = await load(plants[0]);
    const outcome = await firstFailure(simulate);
    const smaller = await shrink({ wish: { seed: outcome.plan.seed }, outcome });
    expect(smaller.outcome.breaches[0]?.law).toBe(outcome.breaches[0]?.law);
    expect(smaller.outcome.plan.steps).toBeLessThan(outcome.steps);
    expect(smaller.outcome.plan.faults.size).toBeLessThan(outcome.plan.faults.size);
    const options = readOptions(commandOf(smaller.wish).split(' ').slice(4));
    if (options === 'help') throw new Error('It has asked for help.');
    expect(await simulate({ ...options.wish, seed: options.from })).toEqual(smaller.outcome);
  });
});
