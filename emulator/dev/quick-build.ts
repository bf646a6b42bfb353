import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { writeWhole } from '../bundle.mjs';
import type { Loaded } from '../functions.ts';
import type { Manifest, ManifestEntry } from '../manifest.ts';

/**
 * Builds the functions again in some milliseconds: not minified, packages left out, what they share in one file, and
 * only what changed read anew. For this process alone; what is deployed is built afterwards.
 */
export class QuickBuild {
  readonly #root: string;
  readonly #folder: string;
  readonly #entries: ManifestEntry[];
  readonly #context: esbuild.BuildContext;
  #first: Promise<unknown> | undefined;
  /** The hashes of the files that are there, and so of what they import. */
  readonly #written = new Map<string, string>();

  private constructor(root: string, folder: string, entries: ManifestEntry[], context: esbuild.BuildContext) {
    this.#root = root;
    this.#folder = folder;
    this.#entries = entries;
    this.#context = context;
  }

  static async prepare(root: string): Promise<QuickBuild> {
    const { functions } = JSON.parse(readFileSync(join(root, 'dist/manifest.json'), 'utf8')) as Manifest;
    const folder = join(root, `dist/dev/${process.pid}`);
    removeLeftovers(join(root, 'dist/dev'));
    // The document that it serves is made by the whole build.
    const built = functions.filter(({ name }) => name !== 'openapi');
    const context = await esbuild.context({
      entryPoints: built.map(({ name }) => join(root, `functions/${name}.ts`)),
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      chunkNames: 'chunks/[name]-[hash]',
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      target: 'node20',
      sourcemap: 'inline',
      sourcesContent: false,
      write: false,
      logLevel: 'silent',
    });
    const quick = new QuickBuild(root, folder, functions, context);
    // The first build reads everything, and loads the packages: better now than when somebody waits.
    quick.#first = quick.#build().catch(() => {});
    return quick;
  }

  /** The functions of the sources as they are now. Throws an Error that holds esbuild's words for people. */
  async build(): Promise<Loaded[]> {
    await this.#first;
    return this.#build();
  }

  async #build(): Promise<Loaded[]> {
    try {
      const { outputFiles = [] } = await this.#context.rebuild();
      for (const { path, hash, contents } of outputFiles) {
        if (this.#written.get(path) !== hash) writeWhole(path, contents);
        this.#written.set(path, hash);
      }
    } catch (error) {
      const { errors = [] } = error as Partial<esbuild.BuildFailure>;
      if (errors.length === 0) throw error;
      throw new Error((await esbuild.formatMessages(errors, { kind: 'error', color: false })).join('').trim());
    }
    return Promise.all(this.#entries.map((entry) => this.#load(entry)));
  }

  /** Functions that did not change are not loaded again. */
  async #load(entry: ManifestEntry): Promise<Loaded> {
    const path =
      entry.name === 'openapi' ? join(this.#root, 'dist', entry.file) : join(this.#folder, `${entry.name}.mjs`);
    const { default: made } = await import(`${pathToFileURL(path)}?hash=${this.#written.get(path) ?? ''}`);
    return { ...entry, fetch: made.fetch, ...(made.scheduled && { scheduled: made.scheduled }) };
  }

  async dispose(): Promise<void> {
    await this.#first;
    await this.#context.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Removes what processes that were killed have left. */
function removeLeftovers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const pid of readdirSync(folder)) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      rmSync(join(folder, pid), { recursive: true, force: true });
    }
  }
}
