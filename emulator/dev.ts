import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';

const SETTLE_MS = 30;

/** Rebuilds when a source changes and calls back when that went well; else the error is shown and the old code stays. */
export function rebuildOnChange(root: string, built: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let building = false;
  const rebuild = () => {
    if (building) return later();
    building = true;
    const child = spawn(process.execPath, [join(root, 'emulator/escapement.mjs'), 'build'], {
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
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(rebuild, SETTLE_MS);
  };
  const watchers = ['core', 'functions'].map((folder) => watch(join(root, folder), { recursive: true }, later));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
