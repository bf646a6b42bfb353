import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/build.ts';
import { readText, table, withGenerated } from '../support/markdown.ts';

interface Locked {
  version: string;
  license?: string;
  dev?: true;
  integrity?: string;
}
type Manifest = Record<'dependencies' | 'devDependencies', Record<string, string>> & { license?: string };

const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> };
const manifest = JSON.parse(readText('package.json')) as Manifest;
const nameOf = (path: string): string => path.replace(/^.*node_modules\//, '');
const locked = Object.entries(packages).filter(([path]) => path !== '');
const running = locked.filter(([, { dev }]) => !dev);

const permissive =
  /^(MIT|MIT-0|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|Unlicense|WTFPL|CC0-1\.0|BlueOak-1\.0\.0)$/;
const exceptions: Record<string, string> = { '@jmespath-community/jmespath': 'MPL-2.0' };

/** Whether a package may be used: under one permissive licence of those it offers, or by name. */
function isAllowed(name: string, licence = ''): boolean {
  if (exceptions[name] === licence) return true;
  if (/ AND /.test(licence)) return false;
  return licence
    .replace(/^\(|\)$/g, '')
    .split(' OR ')
    .some((one) => permissive.test(one));
}

test('every package that runs is under a permissive licence, or is an exception by name', () => {
  expect(running.length).toBeGreaterThan(50);
  const refused = running.filter(([path, { license }]) => !isAllowed(nameOf(path), license));
  expect(refused.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  for (const [name, licence] of Object.entries(exceptions))
    expect(running.find(([path]) => nameOf(path) === name)?.[1].license).toBe(licence);
});

test.each([
  ...[
    'GPL-3.0',
    'AGPL-3.0-only',
    'LGPL-2.1',
    'SSPL-1.0',
    'BUSL-1.1',
    'UNLICENSED',
    'SEE LICENSE IN LICENSE',
    'MPL-2.0',
  ],
  ...['', undefined, 'MIT AND GPL-2.0', '(GPL-2.0 OR AGPL-3.0)', 'MIT-like', 'XMIT'],
])('a package under %j would be refused', (licence) => {
  expect(isAllowed('some-package', licence)).toBe(false);
});

test('what is installed says the same of its licence as the lockfile', () => {
  const installed = running.filter(([path]) => existsSync(join(root, path, 'package.json')));
  expect(installed.length).toBeGreaterThan(50);
  for (const [path, { license, version }] of installed) {
    const own = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as { license?: unknown };
    expect({ path, license: own.license, version: (own as Locked).version }).toEqual({ path, license, version });
  }
});

test('dependencies are pinned: one version each in package.json, and a checksum of each in the lockfile', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-[\w.]+)?$/)]);
    expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
  }
  for (const [path, { integrity }] of running)
    expect([path, integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
});

test('the page on licences lists every package that runs', async () => {
  const rows = new Map<string, Set<string>>();
  for (const [path, { version, license = '' }] of running) {
    const versions = rows.get(`${nameOf(path)}|${license}`) ?? new Set();
    rows.set(`${nameOf(path)}|${license}`, versions.add(version));
  }
  const cells = [...rows].sort().map(([key, versions]) => {
    const [name = '', licence = ''] = key.split('|');
    return [`\`${name}\``, [...versions].sort().join(', '), licence, name in manifest.dependencies ? 'directly' : ''];
  });
  const page = withGenerated(
    readText('docs/licences.md'),
    'licences',
    table(['package', 'version', 'licence', 'used'], cells),
  );
  await expect(page).toMatchFileSnapshot(join(root, 'docs/licences.md'));
});
