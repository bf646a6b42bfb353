import { beforeAll, describe, expect, test, vi } from 'vitest';
import { readText, section } from '../support/markdown.ts';
import { load } from './bundle.mjs';
import { plants } from './plants/index.mjs';
import { plant } from './plants/plant.mjs';

// What docs/reliability.md publishes: each bug with a seed that finds it, and the law that it breaks.
// Where the core has changed, `node tests/simulation/plants/table.mjs` looks for them anew.
const published = new Map(
  section(readText('docs/reliability.md'), '## The simulation is itself tested')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => /^\d+$/.test(cells[2] ?? ''))
    .map(([, name, seed, law]) => [name, { seed: Number(seed), law }]),
);
// What a busy machine may take; nothing is concluded from how long it took.
vi.setConfig({ testTimeout: 600_000 });

let well: Awaited<ReturnType<typeof load>>;
beforeAll(async () => {
  well = await load();
});

describe('A planted bug', () => {
  test.each(plants)(
    'is found by the seed that is published, each time alike, and not without it: $name',
    async (planted) => {
      const { seed = 0, law } = published.get(planted.name) ?? {};
      expect(seed).toBeLessThanOrEqual(100);
      const { simulate } = await load(planted);
      const outcome = await simulate({ seed });
      expect(String(outcome.breaches[0]?.law)).toBe(law);
      expect(await simulate({ seed })).toEqual(outcome);
      expect((await well.simulate({ seed })).breaches).toEqual([]);
    },
  );

  test('that has no place any more stops the simulator from being bundled', async () => {
    const lost = plant('a bug without a place', ['core/clock.ts', 'no such text', '']);
    await expect(load(lost)).rejects.toThrow(/to replace, once, a text in core\/clock.ts that is not there once/);
  });
});

describe('A failing run', () => {
  test('is shrunk to one that breaks the same law with less, and its command repeats it exactly', async () => {
    const { simulate, shrink, commandOf, readOptions } = await load(plants[0]);
    const outcome = await simulate({ seed: published.get(plants[0]?.name)?.seed ?? 0 });
    const smaller = await shrink({ wish: { seed: outcome.plan.seed }, outcome });
    expect(smaller.outcome.breaches[0]?.law).toBe(outcome.breaches[0]?.law);
    expect(smaller.outcome.plan.steps).toBeLessThan(outcome.steps);
    expect(smaller.outcome.plan.faults.size).toBeLessThan(outcome.plan.faults.size);
    const options = readOptions(commandOf(smaller.wish).split(' ').slice(4));
    if (options === 'help') throw new Error('It has asked for help.');
    expect(await simulate({ ...options.wish, seed: options.from })).toEqual(smaller.outcome);
  });
});
