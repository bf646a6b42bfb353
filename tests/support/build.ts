import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Builds dist/ once, before any test: tests that start processes run what is deployed. */
export default function setup(): void {
  execFileSync(process.execPath, ['emulator/escapement.mjs', 'build', '--quick'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
