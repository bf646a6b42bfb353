import { join } from 'node:path';
import { parse } from 'dotenv';
import { expect, test } from 'vitest';
import { transitions } from '../../core/lifecycle/states.ts';
import { readSettings, type Setting, settingsTable } from '../../core/settings.ts';
import type { Manifest } from '../../emulator/manifest.ts';
import { root } from '../support/build.ts';
import { readText, table, withGenerated } from '../support/markdown.ts';

// What is written in the documents follows from the code. `npx vitest run tests/docs -u` writes it anew.

const settings = Object.entries(settingsTable) as [string, Setting<unknown>][];
const manifest = JSON.parse(readText('dist/manifest.json')) as Manifest;
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

const sampleEnv = (): string => {
  const entries = settings.map(([name, { initial, meaning, allowed }]) => {
    const value = /\s/.test(initial) ? `"${initial}"` : initial;
    return `# ${meaning} (${allowed})\n${name}=${value}\n`;
  });
  return `# Every setting with its default. Copy this file to .env and change what you need.\n\n${entries.join('\n')}`;
};

const routeTable = (): string =>
  table(
    ['route', 'who', 'what'],
    manifest.functions.map(({ method, path, access, summary }) => [
      code(`${method} ${path}`),
      access ?? 'whoever knows `TICK_SECRET`',
      summary,
    ]),
  );

const settingTable = (): string =>
  table(
    ['setting', 'default', 'what it means', 'what it may hold'],
    settings.map(([name, { initial, meaning, allowed }]) => [code(name), code(initial), meaning, allowed]),
  );

const transitionTable = (): string =>
  table(
    ['from', 'to', 'log event', 'by', 'when'],
    transitions.map(({ from, to, event, by, when }) => [from ?? '–', to ?? '–', code(event), by, when]),
  );

test('sample.env lists every setting in order, with its default, its meaning and what it may hold', async () => {
  await expect(sampleEnv()).toMatchFileSnapshot(join(root, 'sample.env'));
});

test('sample.env as it stands gives the same settings as no file at all', () => {
  const written = parse(readText('sample.env'));
  expect(Object.keys(written)).toEqual(Object.keys(settingsTable));
  expect(readSettings(written)).toEqual(readSettings({}));
});

test('sample.env holds no secret', () => {
  const written = parse(readText('sample.env'));
  for (const [name, value] of Object.entries(written)) if (/TOKEN|SECRET|_URL$/.test(name)) expect(value).toBe('');
});

test("the README's tables of routes and settings are those of the code", async () => {
  const readme = withGenerated(readText('README.md'), 'routes', routeTable());
  await expect(withGenerated(readme, 'settings', settingTable())).toMatchFileSnapshot(join(root, 'README.md'));
});

test('the page on the state machine has the table of transitions of the code', async () => {
  const page = withGenerated(readText('docs/state-machine.md'), 'transitions', transitionTable());
  await expect(page).toMatchFileSnapshot(join(root, 'docs/state-machine.md'));
});

test('the diagram of the state machine shows every transition of the code and nothing else', () => {
  const drawn = [...readText('docs/state-machine.md').matchAll(/^ {2}(\S+) --> (\S+): (\w+)$/gm)].map(
    ([, from, to, event]) => `${from} ${to} ${event}`,
  );
  const known = transitions.map(({ from, to, event }) => `${from ?? '[*]'} ${to ?? '[*]'} ${event}`);
  expect(drawn.sort()).toEqual(known.sort());
});
