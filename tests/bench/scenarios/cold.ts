import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Manifest } from '../../../emulator/manifest.ts';
import { row, type Scenario } from '../support/scenario.ts';

const MEASURE = `const start = performance.now();
await import(process.argv[1]);
process.stdout.write(String(performance.now() - start));`;

/** How long a function's bundle takes to load, each time in a fresh process. */
export const cold: Scenario = {
  name: 'cold',
  title: 'cold: import of a bundle into a fresh Node process',
  async run({ root, runs }) {
    const { functions } = JSON.parse(readFileSync(join(root, 'dist/manifest.json'), 'utf8')) as Manifest;
    const load = (file: string) =>
      Number(
        execFileSync(process.execPath, [
          ...['--input-type=module', '-e', MEASURE],
          pathToFileURL(join(root, 'dist', file)).href,
        ]),
      );
    return functions.map(({ name, file }) => {
      load(file);
      return row(
        name,
        'ms',
        Array.from({ length: runs }, () => load(file)),
        { atMost: 30 },
      );
    });
  },
};
