import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { matcherOf } from '../../core/http/route.ts';
import { tasks } from '../../core/tasks/index.ts';
import { version } from '../../core/version.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { root } from '../support/build.ts';

const all = [...endpoints, ...ticks];
const namesIn = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name !== 'index.ts')
    .map((name) => name.replace(/\.ts$/, ''))
    .sort();

test('functions/index.ts lists every file of its folder once, under the name of the file', async () => {
  expect(all.map(({ name }) => name).sort()).toEqual(namesIn('functions'));
  for (const listed of all) {
    const { default: own } = await import(`../../functions/${listed.name}.ts`);
    expect(listed).toBe(own);
  }
});

test('no two functions take the same request', () => {
  const routes = all.map(({ method, path }) => `${method} ${path}`);
  expect(new Set(routes).size).toBe(routes.length);
  // A pattern may cover a literal path only where the router prefers the literal.
  for (const { method, path } of all) {
    const takers = all.filter((other) => other.method === method && matcherOf(other.path)(path));
    expect(takers.filter((other) => other.path === path || !other.path.includes('{'))).toHaveLength(1);
  }
});

test('every endpoint says what a reader of the document needs', () => {
  for (const { name, summary, access, responses, body, bodyExample, method, path, params } of endpoints) {
    expect({ name, summary }).toEqual({ name, summary: expect.stringMatching(/^[A-Z].{3,79}$/) });
    expect(['anyone', 'user', 'admin']).toContain(access);
    expect(Object.keys(responses).length).toBeGreaterThan(0);
    expect(body === undefined).toBe(bodyExample === undefined);
    if (method === 'GET') expect(body).toBeUndefined();
    expect(path.includes('{')).toBe(params !== undefined);
  }
});

test('every tick says what its counts mean', () => {
  for (const { summary, counts } of ticks) {
    expect(summary).toMatch(/^[A-Z]/);
    for (const meaning of Object.values(counts)) expect(meaning).toMatch(/./);
  }
});

test('core/tasks/index.ts lists every task file under the name of the file', () => {
  expect(tasks.map(({ type }) => type).sort()).toEqual(namesIn('core/tasks'));
});

test('the version is that of package.json, wherever it is written', () => {
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
  expect(read('package.json').version).toBe(version);
  expect(read('package-lock.json').version).toBe(version);
  expect(read('dist/manifest.json').version).toBe(version);
  expect(read('dist/openapi.json').info.version).toBe(version);
});
