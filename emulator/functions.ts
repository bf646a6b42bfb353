import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Env, Invocation } from '../core/context.ts';
import type { TickCounts } from '../core/http/tick.ts';
import type { Manifest, ManifestEntry } from './manifest.ts';

/** A built function, loaded from its bundle: the same file that is deployed. */
export interface Loaded extends ManifestEntry {
  fetch(request: Request, env: Env, invocation?: Invocation): Promise<Response>;
  scheduled?(event: unknown, env: Env, invocation?: Invocation): Promise<TickCounts>;
}

/** Loads every function of dist/manifest.json. A bundle that changed since is loaded anew. */
export async function loadFunctions(dist: string): Promise<Loaded[]> {
  const manifest = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8')) as Manifest;
  return Promise.all(
    manifest.functions.map(async (entry) => {
      const path = join(dist, entry.file);
      const { default: made } = (await import(`${pathToFileURL(path)}?v=${statSync(path).mtimeMs}`)) as {
        default: Loaded;
      };
      return { ...entry, fetch: made.fetch, ...(made.scheduled && { scheduled: made.scheduled }) };
    }),
  );
}
