import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { copyProject } from '../support/project.ts';
import { cleanUp, pause, Server } from '../support/server.ts';

afterEach(cleanUp);

const sleepTask = 'core/tasks/sleep.ts';

test('dev takes a changed source into use without a restart, and keeps the old code while the new is broken', async () => {
  const project = copyProject();
  const server = await Server.start({ script: 'dev', project, bare: true });
  const { pid } = server.child;
  const source = read(project, sleepTask);
  const saying = (word: string) =>
    source.replace('return { slept_ms: ms }', `return { slept_ms: ms, said: '${word}' }`);
  expect(saying('x')).not.toBe(source);
  expect(await resultOf(server)).toEqual({ slept_ms: 0 });
  const long = await server.schedule('sleep', { ms: 4000 });
  await server.until(long.id, ['running']);

  writeFileSync(join(project, sleepTask), saying('one'));
  await untilItSays(server, 'one');
  // As many editors save: beside the file, then over it.
  for (const word of ['two', 'three']) {
    writeFileSync(join(project, `${sleepTask}~`), saying(word));
    renameSync(join(project, `${sleepTask}~`), join(project, sleepTask));
    await untilItSays(server, word);
  }

  writeFileSync(join(project, sleepTask), `${saying('four')}\nthis is not TypeScript`);
  while (!server.stderr.includes(sleepTask)) await pause(50);
  expect(server.stderr).toMatch(/ERROR.*Expected ";" but found "is"/);
  const build = async () => (await server.call('GET', '/__emulator/state')).json.build;
  expect(await build()).toMatchObject({ ok: false, error: expect.stringContaining(`${sleepTask}:`) });
  expect(await resultOf(server)).toEqual({ slept_ms: 0, said: 'three' });
  writeFileSync(join(project, sleepTask), saying('five'));
  await untilItSays(server, 'five');
  expect(await build()).toMatchObject({ ok: true, error: null });

  // It began under the old code, and ended under it.
  expect(await server.until(long.id, ['done'])).toMatchObject({ result: { slept_ms: 4000 }, lease_epoch: 1 });
  expect(server.child.pid).toBe(pid);
  expect(server.child.exitCode).toBe(null);
  expect(await server.stop()).toBe(0);
});

test('dev sees a new file in a new folder', async () => {
  const project = copyProject();
  const server = await Server.start({ script: 'dev', project, bare: true });
  const made = join(project, 'core/tasks/words/said.ts');
  mkdirSync(dirname(made));
  writeFileSync(made, "export const said = 'from afar';\n");
  const changed = read(project, sleepTask).replace('return { slept_ms: ms }', 'return { slept_ms: ms, said }');
  writeFileSync(join(project, sleepTask), `import { said } from './words/said.ts';\n${changed}`);
  await untilItSays(server, 'from afar');
});

const read = (project: string, path: string) => readFileSync(join(project, path), 'utf8');

async function resultOf(server: Server): Promise<{ said?: string }> {
  const { id } = await server.schedule('sleep', { ms: 0 });
  return (await server.until(id, ['done'])).result;
}

async function untilItSays(server: Server, word: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await resultOf(server)).said === word) return;
    await pause(100);
  }
  throw new Error(`It does not say ${word}: ${server.output.slice(-2000)}`);
}
