import { afterEach, expect, test } from 'vitest';
import { cleanUp } from '../support/server.ts';
import { scenarios } from './scenarios/index.ts';
import type { Figures } from './site/figures.ts';
import { unmountAll } from './site/small-disk.ts';

// The short runs: so many faults as the scenario says, however long they take here.

afterEach(async () => {
  unmountAll();
  await cleanUp();
});

const run = async (name: string): Promise<Figures> => {
  const scenario = scenarios.find((one) => one.name === name);
  if (!scenario) throw new Error(`there is no scenario ${name}`);
  return scenario.run({ seed: 7, progress: () => {} });
};

/** Nothing lost, nothing doubled, nothing else that is off; and that something was done at all. */
function expectWell(figures: Figures): void {
  expect(figures.problems).toEqual([]);
  expect(figures).toMatchObject({ lost: 0, doubled: 0, integrity: 'ok' });
  expect(figures.acknowledged).toBeGreaterThan(20);
  expect(figures.jobs.done).toBeGreaterThan(10);
}

test('kill -9 of any process loses no acknowledged job and doubles no outcome', async () => {
  const figures = await run('kill');
  expectWell(figures);
  expect(figures.kills).toBeGreaterThanOrEqual(2);
}, 120_000);

test('a process that was frozen past its lease writes nothing under it, and a stale row says so', async () => {
  const figures = await run('freeze');
  expectWell(figures);
  expect(figures.more['of them named by a stale row']).toBeGreaterThan(0);
}, 120_000);

test('a full disk is answered with problems, keeps what was acknowledged, and is recovered from', async () => {
  const figures = await run('disk-full');
  expectWell(figures);
  expect((figures.answers[503] ?? 0) + (figures.answers[507] ?? 0)).toBeGreaterThanOrEqual(15);
}, 120_000);

test('a page of noise is told of, does not end a process, and is healed by a restore', async () => {
  const figures = await run('corrupt');
  expectWell(figures);
  expect(Object.keys(figures.more).join()).toMatch(/told and healed/);
}, 120_000);

test('migrations at once and one killed in the middle apply everything or nothing', async () => {
  const figures = await run('migrate');
  expect(figures.problems).toEqual([]);
  expect(figures.kills).toBeGreaterThan(0);
}, 120_000);

test('a backup taken during writes holds all that was acknowledged before, and work goes on from it', async () => {
  expectWell(await run('backup'));
}, 120_000);
