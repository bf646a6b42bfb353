import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const sources = ['console', 'core', 'emulator', 'functions', 'migrations', 'package.json', 'package-lock.json'];

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

/**
 * Whether dist/ was built from the sources as they are now. A stamp that says `prebuilt` says that there are none, as
 * in a container's image.
 * @param {string} root
 * @returns {boolean}
 */
export function isBuilt(root) {
  try {
    const stamp = readFileSync(join(root, 'dist/stamp'), 'utf8');
    return stamp.trim() === 'prebuilt' || stamp === stampOf(root);
  } catch {
    return false;
  }
}
