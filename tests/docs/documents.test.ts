import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { problems } from '../../core/http/problem.ts';
import { transitions } from '../../core/lifecycle/states.ts';
import { settingsTable } from '../../core/settings.ts';
import { version } from '../../core/version.ts';
import { root } from '../support/build.ts';
import { blocksOf, readText, section } from '../support/markdown.ts';

const guides = ['README.md', 'docs/operations.md', 'docs/state-machine.md'];
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const readme = readText('README.md');
const operations = readText('docs/operations.md');
const scripts = Object.keys((JSON.parse(readText('package.json')) as { scripts: object }).scripts);

/** The first group of every match. */
const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found]) => found as string);

test.each(pages)('%s has links to files that are there', (page) => {
  const links = all(readText(page), /\]\(([^)#:]+)(?:#[^)]*)?\)/g);
  expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
});

test.each(guides)('%s names only settings and commands that exist', (page) => {
  const settings = all(readText(page), /\b([A-Z]{2,}(?:_[A-Z]+)+)\b/g);
  expect(settings.length).toBeGreaterThan(0);
  // Those with the project's name are the command line's own.
  const own = (name: string) => name.startsWith('ESCAPEMENT_') && readText('emulator/cli/client.ts').includes(name);
  expect(settings.filter((name) => !(name in settingsTable) && !own(name))).toEqual([]);
  const commands = all(readText(page), /npm run (?:-s )?([\w:]+)/g);
  expect(commands.filter((name) => !scripts.includes(name))).toEqual([]);
});

test('the README names every command of package.json', () => {
  const named = all(section(readme, '## Commands'), /`(?:npm (?:run )?)?([\w:]+)(?: -- [A-Z]+)?`/g);
  expect(scripts.filter((name) => !named.includes(name))).toEqual([]);
});

test('outside its sessions the README types nothing but npm commands and the copy of sample.env', () => {
  const session = ['## A first session', '## Two hours in a moment'].flatMap((at) =>
    blocksOf(section(readme, at), 'sh'),
  );
  const others = blocksOf(readme, 'sh').filter((block) => !session.includes(block));
  const lines = others.flatMap((block) => block.trim().split('\n'));
  const known = ['npm ci', 'npm start', 'cp sample.env .env', ...scripts.map((name) => `npm run ${name}`)];
  expect(lines.filter((line) => !known.includes(line))).toEqual([]);
});

test.each([
  ['core/http/json.ts', 'MAX_BODY_BYTES'],
  ['core/http/json.ts', 'MAX_BODY_DEPTH'],
  ['core/job-request.ts', 'MAX_PAYLOAD_BYTES'],
  ['core/job-request.ts', 'MAX_PAYLOAD_DEPTH'],
  ['core/views/page.ts', 'MAX_WALK'],
  ['core/worker/outcome.ts', 'MAX_RESULT_CHARACTERS'],
  ['core/worker/outcome.ts', 'MAX_ERROR_CHARACTERS'],
  ['core/lifecycle/remark.ts', 'MAX_LOG_MESSAGE'],
  ['core/lifecycle/remark.ts', 'MAX_LOG_DATA'],
  ['core/tasks/webhook.ts', 'MAX_ANSWER_BYTES'],
  ['core/tasks/webhook.ts', 'MAX_EXCERPT'],
])("the README's limits hold the value that %s gives %s", (path, name) => {
  const [written = ''] = all(readText(path), new RegExp(`const ${name} = ([\\d_]+);`, 'g'));
  const value = Number(written.replaceAll('_', ''));
  expect(value).toBeGreaterThan(0);
  expect(section(readme, '### Limits')).toMatch(new RegExp(`\\b${value.toLocaleString('en')}\\b`));
});

test('the problems that the README names are those of the code, each with its status', () => {
  const named = [...readme.matchAll(/\b(4\d\d) `(\w+)`/g)].map(([, status, code]) => [code, Number(status)]);
  expect(named.length).toBeGreaterThan(5);
  const known = Object.entries(problems).map(([code, [status]]) => [code, status]);
  for (const one of named) expect(known).toContainEqual(one);
});

test('the page on operations explains every event that can stand in the log', () => {
  const explained = all(section(operations, '## Log events'), /^\| `(\w+)` +\|/gm);
  const remarks = readdirSync(join(root, 'core/lifecycle')).flatMap((name) =>
    all(readText(`core/lifecycle/${name}`), /SELECT \?\d, (?:'\w+'|\?\d), '(\w+)', seq/g),
  );
  const written = new Set([...transitions.map(({ event }) => event as string), ...remarks]);
  expect(remarks).toEqual(expect.arrayContaining(['stale', 'message', 'cancel_requested']));
  expect([...explained].sort()).toEqual([...written].sort());
});

test('the newest version in the changelog is that of the program', () => {
  expect(all(readText('CHANGELOG.md'), /^## (\S+)/gm)[0]).toBe(version);
});

test('the decisions are numbered without a gap, and each title bears its number', () => {
  const names = readdirSync(join(root, 'docs/decisions')).sort();
  for (const [i, name] of names.entries()) {
    expect(name).toMatch(new RegExp(`^${String(i + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
    expect(readText(`docs/decisions/${name}`)).toMatch(new RegExp(`^# ${i + 1}\\. `));
  }
});
