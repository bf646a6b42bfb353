import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const sources = ['core', 'emulator', 'functions', 'migrations', 'package.json', 'package-lock.json'];

/**
 * A text that changes whenever a source file does: what `dist/` was built from, so that a start skips the build.
 * @param {string} root
 * @returns {string}
 */
export function stampOf(root) {
  const lines = [process.version];
  const visit = (path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(`${path}/${name}`);
    else if (stat) lines.push(`${path} ${stat.size} ${stat.mtimeMs}`);
  };
  sources.forEach(visit);
  return lines.join('\n');
}
