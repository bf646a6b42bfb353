import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { toTimestamp } from '../../core/context.ts';
import type { Host } from '../host.ts';
import { stampOf } from '../stamp.mjs';
import type { Powers } from './powers.ts';
import { QuickBuild } from './quick-build.ts';

/** How often the sources are looked at. A look costs some milliseconds, and misses nothing, as watchers do. */
const LOOK_MS = 100;
/** Time without a change before what is deployed is built again. */
const QUIET_MS = 1000;

/**
 * Rebuilds when the sources are no longer those of `stamp`, and whenever they change again: at once the functions of
 * this process, then all that is deployed. An error is shown and the old code stays. Call what it returns to end it.
 */
export async function rebuildOnChange(
  root: string,
  stamp: string,
  host: Host,
  powers: Powers,
): Promise<() => Promise<void>> {
  const rebuild = new Rebuild(root, stamp, host, powers);
  await rebuild.begin();
  return () => rebuild.end();
}

class Rebuild {
  readonly #root: string;
  readonly #host: Host;
  readonly #powers: Powers;
  #seen: string;
  #quick: QuickBuild | undefined;
  #quickRuns = false;
  #wholeRuns = false;
  #looks: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(root: string, stamp: string, host: Host, powers: Powers) {
    this.#root = root;
    this.#seen = stamp;
    this.#host = host;
    this.#powers = powers;
  }

  async begin(): Promise<void> {
    await this.#prepare();
    this.#looks = setInterval(() => void this.#look(), LOOK_MS);
  }

  async end(): Promise<void> {
    clearInterval(this.#looks);
    clearTimeout(this.#later);
    await this.#quick?.dispose();
  }

  /** In workerd the functions run as they are deployed, so there is nothing quicker than the whole build. */
  async #prepare(): Promise<void> {
    if (this.#host.inside.runtime !== 'node') return;
    await this.#quick?.dispose();
    this.#quick = await QuickBuild.prepare(this.#root);
  }

  async #look(): Promise<void> {
    const now = stampOf(this.#root);
    if (this.#quickRuns || now === this.#seen) return;
    this.#seen = now;
    if (this.#quick) await this.#buildQuickly(this.#quick);
    this.#buildWholeIn(this.#quick ? QUIET_MS : 0);
  }

  async #buildQuickly(quick: QuickBuild): Promise<void> {
    const start = performance.now();
    this.#quickRuns = true;
    try {
      this.#host.inside.use(await quick.build());
      this.#tell();
      process.stdout.write(`rebuilt in ${Math.round(performance.now() - start)} ms\n`);
    } catch (error) {
      this.#tell(error);
    }
    this.#quickRuns = false;
  }

  #buildWholeIn(ms: number): void {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => (this.#wholeRuns ? this.#buildWholeIn(QUIET_MS) : void this.#buildWhole()), ms);
  }

  async #buildWhole(): Promise<void> {
    const before = this.#seen;
    this.#wholeRuns = true;
    try {
      await runBuild(this.#root);
      // What has changed meanwhile runs already, and is built again.
      if (before === this.#seen) {
        await this.#host.reload();
        if (!this.#quick) process.stdout.write('rebuilt\n');
        // There may be a function more or less.
        if (!this.#powers.build.ok) await this.#prepare();
        this.#tell();
      }
    } catch (error) {
      if (before === this.#seen && (this.#powers.build.ok || !this.#quick)) this.#tell(error);
    }
    this.#wholeRuns = false;
  }

  #tell(error?: unknown): void {
    const text = error === undefined ? null : String((error as Error)?.message ?? error);
    this.#powers.build = { ok: text === null, error: text, at: toTimestamp(this.#powers.clock.now()) };
    if (text !== null) process.stderr.write(`${text}\n`);
  }
}

/** The whole build in a process of its own, which runs the new sources. Throws what it says on standard error. */
function runBuild(root: string): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'emulator/escapement.mjs'), 'build', '--quick'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(said.trim() || `The build ended with ${code}.`)),
    );
  });
}
