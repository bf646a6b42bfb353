import { rmSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { blocksOf, readText, section } from '../support/markdown.ts';
import { freePort } from '../support/server.ts';
import { checkout, close, printed, type Terminal, type, typeAlong } from '../support/session.ts';

const page = readText('docs/emulator.md');
const folder = checkout();
let server: Terminal | undefined;

afterAll(async () => {
  if (server) await close(server);
  rmSync(folder, { recursive: true });
});

test('the first session of the page on the emulator works word for word', async () => {
  const [start = '', ...blocks] = blocksOf(section(page, '## A first session'), 'sh');
  // There is no other block on the page that nobody would type.
  expect(blocksOf(page, 'sh')).toEqual([start, ...blocks]);
  const port = String(await freePort());
  server = type(start, folder, { PORT: port });
  const token = (await printed(server, /^admin token: (\S+)$/m))[1] as string;
  await printed(server, /listening/);
  const typed = blocks.map((block) =>
    block.replace('http://127.0.0.1:8000', `http://127.0.0.1:${port}`).replace('the-admin-token', token),
  );
  const [, hook = '', mail = '', state = '', exec = ''] = await typeAlong(typed, folder);
  expect(hook).toMatch(/retry\twebhook .* is tried again, retry 1 of 3\.$/m);
  expect(hook).toMatch(/^status +done$/m);
  expect(hook.match(/\tPOST\t\/__emulator\/bin\/shop\t/g)).toHaveLength(2);
  expect(mail).toContain('["ada@example.com"]\tHello\n');
  expect(state).toMatch(/^state\.db$/m);
  expect(exec).toMatch(/^at http:\/\/127\.0\.0\.1:\d+$/m);
  expect(exec).not.toContain(`:${port}`);
});

test("the README's two hours pass in a moment: a job fails, is tried again, is buried, redriven and done", async () => {
  const [start, typed = ''] = blocksOf(section(readText('README.md'), '## Two hours in a moment'), 'sh');
  expect(start).toBe('npm run dev\n');
  const url = /console: (\S+)\/ /.exec(server?.output ?? '')?.[1];
  const token = /^admin token: (\S+)$/m.exec(server?.output ?? '')?.[1] as string;
  const [said = ''] = await typeAlong(
    [`export ESCAPEMENT_URL=${url}\n${typed.replace('the-admin-token', token)}`],
    folder,
  );
  expect(said.match(/^status +(\w+)$/gm)?.map((line) => line.split(/ +/)[1])).toEqual([
    ...['running', 'failed', 'dlq', 'pending', 'done'],
  ]);
  expect(said).toMatch(/retry\twebhook .* is tried again, retry 1 of 1\.$/m);
  expect(said.match(/\t(scheduled|claimed|failed|retried|buried|redriven|done)\t/g)?.join('')).toMatch(
    /scheduled.*failed.*retried.*failed.*buried.*redriven.*done/s,
  );
});
