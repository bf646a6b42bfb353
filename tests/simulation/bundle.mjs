// Bundles the simulator with the real functions in it; with a planted bug, where one is named, to prove it is found.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { writeWhole } from '../../emulator/bundle.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const here = join(root, 'tests/simulation');

/**
 * The text of a file with the replacements a planted bug makes in it. Throws where the text to replace is gone.
 * @param {string} file
 * @param {import('./plants/plant.mjs').Plant | undefined} plant
 */
function textOf(file, plant) {
  let text = readFileSync(join(root, file), 'utf8');
  for (const { find, put } of plant?.patches.filter((patch) => patch.file === file) ?? []) {
    if (text.split(find).length !== 2)
      throw new Error(
        `The planted bug "${plant?.name}" is to replace, once, a text in ${file} that is not there once: ${find}`,
      );
    text = text.replace(find, () => put);
  }
  return text;
}

/**
 * Loads the simulator; its module.
 * @param {import('./plants/plant.mjs').Plant} [plant]
 * @returns {Promise<typeof import('./main.ts')>}
 */
export async function load(plant) {
  const migrations = readdirSync(join(root, 'migrations')).filter((name) => name.endsWith('.sql'));
  const outfile = join(root, 'dist/simulation', `${plant ? plant.name.replaceAll(/\W+/g, '-') : 'main'}.mjs`);
  const { outputFiles } = await build({
    entryPoints: [join(here, 'main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20',
    sourcemap: 'linked',
    write: false,
    logLevel: 'error',
    define: { MIGRATIONS: JSON.stringify(migrations.sort().map((name) => textOf(`migrations/${name}`, plant))) },
    plugins: [{ name: 'simulation', setup: (bundler) => bundler.onLoad({ filter: /\/core\/.*\.ts$/ }, replace) }],
  });
  // Whole, because tests in several processes bundle at once.
  for (const { path, contents } of outputFiles) writeWhole(path, contents);
  return import(pathToFileURL(outfile).href);

  /** @param {{ path: string }} args */
  function replace({ path }) {
    const file = relative(root, path);
    if (file === 'core/tasks/index.ts')
      return { contents: `export { tasks } from '${here}/world/handlers.ts';`, resolveDir: here };
    return plant?.patches.some((patch) => patch.file === file)
      ? { contents: textOf(file, plant), loader: /** @type {const} */ ('ts') }
      : undefined;
  }
}
