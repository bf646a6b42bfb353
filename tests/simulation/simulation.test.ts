import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { transitions } from '../../core/lifecycle/states.ts';
import { load, root } from './bundle.mjs';
import { plants } from './plants/index.mjs';
import type { Outcome } from './simulate.ts';
import { allFaults } from './world/fault-kinds.ts';

const SEEDS = 120;
// What a busy machine may take; nothing is concluded from how long it took.
vi.setConfig({ testTimeout: 600_000 });
const run = promisify(execFile);
const command = (...args: string[]) => run(process.execPath, ['tests/simulation/run.mjs', ...args], { cwd: root });

let simulator: Awaited<ReturnType<typeof load>>;
beforeAll(async () => {
  simulator = await load();
});

/** Everything that happened in a run. */
async function notesOf(wish: Parameters<typeof simulator.simulate>[0]): Promise<string[]> {
  const notes: string[] = [];
  await simulator.simulate(wish, (note) => notes.push(note));
  return notes;
}

describe('A run of the simulation', () => {
  test('is the same each time, step for step, in whatever order and process', async () => {
    const seeds = Array.from({ length: 8 }, (_, i) => i + 1);
    const first = new Map<number, Outcome>();
    for (const seed of seeds) first.set(seed, await simulator.simulate({ seed }));
    for (const seed of seeds.reverse()) expect(await simulator.simulate({ seed })).toEqual(first.get(seed));
    const traces = [...first.values()].map(({ trace }) => trace);
    expect(new Set(traces).size).toBe(seeds.length);
    const { stdout } = await command('--seed', '7', '--trace');
    expect(stdout.startsWith((await notesOf({ seed: 7 })).join('\n'))).toBe(true);
  });

  test('is the beginning of a longer one, until its faults stop', async () => {
    const [short, long] = [await notesOf({ seed: 3, steps: 200 }), await notesOf({ seed: 3, steps: 300 })];
    const end = short.findIndex((note) => note.startsWith('200 '));
    expect(end).toBeGreaterThan(100);
    expect(long.slice(0, end)).toEqual(short.slice(0, end));
    expect(long).not.toEqual(short);
  });
});

describe(`The seeds from 1 to ${SEEDS}`, () => {
  test('break no law, and meet every fault, every transition and every kind of answer', async () => {
    const figures = new simulator.Figures();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await simulator.simulate({ seed });
      expect([seed, outcome.breaches]).toEqual([seed, []]);
      figures.add(outcome);
    }
    expect(allFaults.filter((kind) => !figures.faults[kind])).toEqual([]);
    const events = [...new Set(transitions.map(({ event }) => event)), 'stale', 'cancel_requested', 'message'];
    expect(events.filter((event) => !figures.events[event])).toEqual([]);
    const answers = ['200', '201', '401', '403', '404', '409', '422', '429', '503', '507', 'none'];
    expect(Object.keys(figures.answers).sort()).toEqual(answers.sort());
    expect(figures.doneAmidFaults).toBeGreaterThan(5 * SEEDS);
    expect(figures.recovery.worst).toBeGreaterThan(5);
  });
});

test('The page on reliability names every fault and every planted bug', () => {
  const page = readFileSync(join(root, 'docs/reliability.md'), 'utf8');
  expect(allFaults.filter((kind) => !page.includes(`\n| \`${kind}\` `))).toEqual([]);
  expect(plants.filter(({ name }) => !page.includes(`\n| ${name} `))).toEqual([]);
});

describe('The command', () => {
  test('answers nonsense with one line and status 2', async () => {
    for (const [args, says] of [
      [['--seeds', '9-3'], '"9-3" is no seed and no range of seeds, such as 17 or 1-100.'],
      [['--steps', 'many'], '--steps is many; it may be a number from 1.'],
      [['--only', 'death,taxes'], '"taxes" is none of the faults:'],
      [['--plant', 'a tree'], '--plant takes the name of a bug:'],
    ] as const) {
      const failure = await command(...args).catch((error) => error);
      expect(failure).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
    }
  });

  test('prints the figures of its runs, and the command that repeats them', async () => {
    const { stdout } = await command('--seeds', '5-6', '--steps', '50');
    expect(stdout).toMatch(/^seeds +2\n/);
    expect(stdout).toMatch(/\njobs lost +0\n/);
    expect(stdout).toContain('--seeds 5-6 --steps 50');
  });
});
