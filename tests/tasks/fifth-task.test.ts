import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { root } from '../support/build.ts';
import { blocksOf, readText } from '../support/markdown.ts';
import { copyProject } from '../support/project.ts';
import { cleanUp, Server } from '../support/server.ts';

afterEach(cleanUp);

test('a fifth task is the file and the two lines that the README shows, and nothing more', async () => {
  const project = copyProject();
  const path = 'core/tasks/wordCount.ts';
  writeFileSync(join(project, path), blockOf(`// ${path}`));
  const [importLine = '', , listLine = ''] = blockOf("import wordCount from './wordCount.ts';").split('\n');
  const index = join(project, 'core/tasks/index.ts');
  const before = readFileSync(index, 'utf8');
  const after = before
    .replace(/^(import webhook .*)$/m, `$1\n${importLine}`)
    .replace(/^export const tasks.*$/m, listLine);
  expect(after.split('\n')).toHaveLength(before.split('\n').length + 1);
  writeFileSync(index, after);

  const tool = (name: string, ...args: string[]) =>
    execFileSync(process.execPath, [join(root, 'node_modules', name), ...args], { cwd: project, stdio: 'pipe' });
  tool('typescript/bin/tsc', '--noEmit');
  const build = await Server.run({ script: 'build', project, bare: true });
  expect([await build.exited, build.stderr]).toEqual([0, '']);

  const server = await Server.start({ project, bare: true });
  const { id } = await server.schedule('wordCount', { text: 'tick tock  tick\n' });
  expect(await server.until(id, ['done'])).toMatchObject({ task_type: 'wordCount', result: { words: 3 }, error: null });
  const { items } = (await server.call('GET', `/v1/logs?job_id=${id}`)).json;
  expect(items.map(({ event }: { event: string }) => event)).toEqual(['done', 'message', 'claimed', 'scheduled']);
  expect(items[1]).toMatchObject({ level: 'info', message: 'The words are counted.', data: { words: 3 }, epoch: 1 });

  const bad = await server.call('POST', '/v1/jobs', { task_type: 'wordCount', payload: { text: 1 } });
  expect(bad).toMatchObject({ status: 422, json: { code: 'invalid_payload', errors: [{ path: '/payload/text' }] } });
  const unknown = await server.call('POST', '/v1/jobs', { task_type: 'wordcount', payload: { text: '' } });
  expect(unknown).toMatchObject({ status: 422, json: { code: 'unknown_task_type' } });
  expect(unknown.json.detail).toContain('sleep, sendEmail, webhook, transform, wordCount');
  const report = (await server.call('GET', '/v1/jobs/report')).json;
  expect(report.counts.done).toEqual({ wordCount: 1 });
});

/** The README's block of TypeScript that begins with this line. */
function blockOf(firstLine: string): string {
  const blocks = blocksOf(readText('README.md'), 'ts').filter((text) => text.startsWith(`${firstLine}\n`));
  if (blocks.length !== 1) throw new Error(`README.md needs one block of TypeScript that begins with ${firstLine}`);
  return blocks[0] as string;
}
