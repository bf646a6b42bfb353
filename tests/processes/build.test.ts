import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { copyProject } from '../support/project.ts';
import { cleanUp, pause, Server } from '../support/server.ts';

afterEach(cleanUp);

test('while builds run again and again, whoever reads dist/ finds whole files, and whoever starts comes up', async () => {
  const project = copyProject();
  expect(await (await Server.run({ script: 'build', project, bare: true })).exited).toBe(0);
  const whole = contentsOf(project);
  expect(Object.keys(whole).length).toBeGreaterThan(20);

  let building = true;
  const builds = buildOften(project, 2).finally(() => {
    building = false;
  });
  const starts = startOften(project, () => building);
  for (; building; await pause(5)) {
    const torn = Object.keys(whole).filter((path) => readFileSync(join(project, 'dist', path), 'utf8') !== whole[path]);
    expect(torn).toEqual([]);
  }
  await builds;
  expect(await starts).toBeGreaterThan(0);
  expect(contentsOf(project)).toEqual(whole);
}, 180_000);

test('a source that is broken is named with its line, and nothing else is said', async () => {
  const project = copyProject();
  const source = join(project, 'core/tasks/sleep.ts');
  writeFileSync(source, readFileSync(source, 'utf8').replace('export default', 'export defaul t'));
  const build = await Server.run({ script: 'build', project, bare: true });
  expect(await build.exited).toBe(1);
  expect(build.stderr).toContain('core/tasks/sleep.ts:');
  expect(build.stderr).not.toMatch(/^\s+at |Node\.js v|failureErrorWithLog/m);
});

/** Builds `n` times, two builds at a time. */
async function buildOften(project: string, n: number): Promise<void> {
  for (let i = 0; i < n; i += 2) {
    const pair = await Promise.all([1, 2].map(() => Server.run({ script: 'build', project, bare: true })));
    for (const build of pair) expect([await build.exited, build.stderr]).toEqual([0, '']);
  }
}

/** Starts systems one after another for as long as it is told to; how many came up. */
async function startOften(project: string, more: () => boolean): Promise<number> {
  let n = 0;
  for (; more(); n++) {
    const server = await Server.start({ project, bare: true });
    const { id } = await server.schedule('sleep', { ms: 0 });
    await server.until(id, ['done']);
    expect(await server.stop()).toBe(0);
    expect(server.stderr).toBe('');
  }
  return n;
}

function contentsOf(project: string): Record<string, string> {
  const paths = readdirSync(join(project, 'dist'), { recursive: true, encoding: 'utf8' }).sort();
  const files = paths.filter((path) => /\.(mjs|json|map)$|^stamp$/.test(path));
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(project, 'dist', path), 'utf8')]));
}
