import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { stampOf } from './stamp.mjs';

/** How often the sources are looked at. A look costs a millisecond or two, and misses nothing, as watchers do. */
const LOOK_MS = 200;

/**
 * Rebuilds when the sources are no longer those of `stamp`, and whenever they change again. Calls back when that went
 * well; else the error is shown and the old code stays.
 */
export function rebuildOnChange(root: string, stamp: string, built: () => Promise<void>): () => void {
  let seen = stamp;
  let building = false;
  const look = () => {
    const now = stampOf(root);
    if (building || now === seen) return;
    seen = now;
    building = true;
    const child = spawn(process.execPath, [join(root, 'emulator/escapement.mjs'), 'build', '--quick'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('close', (code) => {
      building = false;
      if (code === 0)
        void built().then(
          () => process.stdout.write('rebuilt\n'),
          (error) => process.stderr.write(`${error}\n`),
        );
    });
  };
  const timer = setInterval(look, LOOK_MS);
  return () => clearInterval(timer);
}
