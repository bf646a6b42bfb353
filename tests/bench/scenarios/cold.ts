import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { coldImport } from '../../../emulator/cold-import.ts';
import type { Manifest } from '../../../emulator/manifest.ts';
import { row, type Scenario } from '../support/scenario.ts';

/** How long a function's bundle takes to load, each time in a fresh process. */
export const cold: Scenario = {
  name: 'cold',
  title: 'cold: import of a bundle into a fresh Node process',
  async run({ root, runs }) {
    const { functions } = JSON.parse(readFileSync(join(root, 'dist/manifest.json'), 'utf8')) as Manifest;
    const load = (file: string) => coldImport(join(root, 'dist', file));
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
