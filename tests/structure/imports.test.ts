import { expect, test } from 'vitest';
import { type Import, importsOf, type Source, sourcesIn } from '../support/sources.ts';

// "Layout" in the design: who may import whom. Types count, too: what a type comes from is a dependency.

const core = sourcesIn('core');
const functions = sourcesIn('functions');
const emulator = sourcesIn('emulator');
const page = sourcesIn('console');

/** Small, pure, and at home in every runtime. */
const pure =
  /^(zod\/mini|zod\/v4\/locales\/en\.js|canonicalize|standardwebhooks|@noble\/hashes\/\w+\.js|@jmespath-community\/jmespath)$/;
/** What needs Node's API, and the one file of core that may have it, for one task. */
const nodeApi = [{ package: /^nodemailer\//, file: 'core/smtp.ts', task: 'core/tasks/sendEmail.ts' }];

/** A line for each import that the rule does not allow. */
const strays = (sources: Source[], allowed: (one: Import, path: string) => boolean): string[] =>
  sources.flatMap(({ path, imports }) =>
    imports.filter((one) => !allowed(one, path)).map(({ from }) => `${path} imports ${from}`),
  );

test('there is something to look at, and imports of every form are found in it', () => {
  for (const sources of [core, functions, emulator, page]) expect(sources.length).toBeGreaterThan(10);
  const code = `import 'a'; import b, { c } from "b"; import type { D } from './d.ts'; export * from '../e.ts';
    import {
      f,
    } from 'f'; const g = await import('./g.ts'); const h = await import(
      'h');`;
  const found = importsOf('core/tasks/x.ts', code).map(({ from, lazy }) => (lazy ? `${from} lazily` : from));
  expect(found).toEqual(['a', 'b', 'core/tasks/d.ts', 'core/e.ts', 'f', 'core/tasks/g.ts lazily', 'h lazily']);
});

test('core imports itself and small pure packages', () => {
  const isNodeApi = (from: string, path: string) => nodeApi.some((one) => one.package.test(from) && one.file === path);
  const stray = strays(core, ({ from, isFile }, path) =>
    isFile ? from.startsWith('core/') : pure.test(from) || isNodeApi(from, path),
  );
  expect(stray).toEqual([]);
});

test('what needs Node’s API is imported lazily, by its own task alone', () => {
  for (const { file, task } of nodeApi) {
    const importers = [...core, ...functions].filter(({ imports }) => imports.some(({ from }) => from === file));
    expect(importers.map(({ path }) => path)).toEqual([task]);
    expect(importers[0]?.imports.filter(({ from }) => from === file).every(({ lazy }) => lazy)).toBe(true);
  }
});

test('core and functions use no global that only Node has', () => {
  const nodeOnly =
    /\b(process\.\w|Buffer\b|require\(|__dirname|__filename|setImmediate\(|import\.meta\.(dirname|filename|resolve))|\bnode:/;
  const users = [...core, ...functions].filter(({ code }) => nodeOnly.test(code)).map(({ path }) => path);
  // The context asks globalThis whether setImmediate is there.
  expect(users.filter((path) => path !== 'core/context.ts')).toEqual([]);
  const context = core.find(({ path }) => path === 'core/context.ts');
  expect(context?.code.replace('if (setImmediate) setImmediate(resolve)', '')).not.toMatch(nodeOnly);
});

test('functions import core, and only functions/index.ts imports its siblings', () => {
  const stray = strays(functions, ({ from, isFile }, path) => {
    if (!isFile) return from === 'zod/mini';
    return from.startsWith('core/') || (path === 'functions/index.ts' && from.startsWith('functions/'));
  });
  expect(stray).toEqual([]);
});

test('the console imports itself, its two packages and the types of core; nobody imports it', () => {
  const packages = ['preact', 'preact/hooks', 'uplot'];
  const stray = strays(page, ({ from, isFile }, path) =>
    isFile
      ? from.startsWith('console/') || (path === 'console/types.ts' && from.startsWith('core/'))
      : packages.includes(from),
  );
  expect(stray).toEqual([]);
  const types = page.find(({ path }) => path === 'console/types.ts');
  expect(types?.code.match(/\bimport (?!type )/)).toBeNull();
  const others = [...core, ...functions, ...emulator];
  expect(others.filter(({ imports }) => imports.some(({ from }) => from.startsWith('console/')))).toEqual([]);
});

test('the console makes no markup of text, and runs none', () => {
  const dangerous =
    /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(|new Function|srcdoc/;
  expect(page.filter(({ code }) => dangerous.test(code)).map(({ path }) => path)).toEqual([]);
});

test('the emulator imports anything but tests', () => {
  const stray = strays(emulator, ({ from, isFile }) => !isFile || /^(core|functions|emulator|dist)\//.test(from));
  expect(stray).toEqual([]);
});

test('nothing imports the database driver but the emulator', () => {
  const users = [...core, ...functions].filter(({ text }) => /better-sqlite3|libsql/.test(text));
  expect(users.map(({ path }) => path)).toEqual([]);
});

test('SQL stands in core and migrations; the emulator’s own is about migrations and the schema', () => {
  // Its table of applied migrations and SQLite's catalogue. Pragmas name no table.
  const allowed = ['migrations', 'sqlite_master', 'pragma_table_info'];
  const sql =
    /\b(?:SELECT\b[^;'"`]*?\bFROM|INSERT (?:OR \w+ )?INTO|DELETE FROM|UPDATE(?= \w+ SET\b)|(?:CREATE|DROP|ALTER) (?:UNIQUE )?(?:TABLE|INDEX|TRIGGER|VIEW)(?: IF (?:NOT )?EXISTS)?)\s+(\w+|\$\{)/g;
  const tables = (sources: Source[]) =>
    sources.flatMap(({ path, code }) => [...code.matchAll(sql)].map(([, table]) => ({ path, table })));
  expect(tables(core).length).toBeGreaterThan(30);
  expect(tables(functions)).toEqual([]);
  expect(tables(emulator).length).toBeGreaterThan(3);
  expect(tables(emulator).filter(({ table }) => !allowed.includes(table as string))).toEqual([]);
});
