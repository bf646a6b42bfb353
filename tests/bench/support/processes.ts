import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SETTINGS } from './built.ts';
import { cpuMsOf, membersOf, peakMbOf } from './proc.ts';

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** Runs a program of Node to its end; the JSON on the last line it wrote. Throws with what it said when it fails. */
export async function runNode<Result>(file: string, args: string[], env: Record<string, string> = {}): Promise<Result> {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (errors += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), 600_000);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${basename(file)} ended with ${code ?? signal}: ${reasonIn(errors || output)}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Result;
}

/** The line that names the error, else the last one. */
function reasonIn(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'it said nothing').trim().slice(0, 300);
}

/** The autocannon of this project, in a process of its own; successful answers a second. */
export async function load(url: string, seconds: number, connections: number, token: string, body: string) {
  const cannon = createRequire(import.meta.url).resolve('autocannon');
  const headers = ['-H', `x-user-auth=${token}`, '-H', 'content-type=application/json'];
  const shape = ['-j', '-n', '-c', String(connections), '-d', String(seconds), '-m', 'POST', '-b', body];
  const found = await runNode<Record<string, number> & { latency: Record<string, number> }>(cannon, [
    ...shape,
    ...headers,
    url,
  ]);
  const refused = (found.non2xx ?? 0) + (found.errors ?? 0) + (found.timeouts ?? 0);
  if (refused > 0) throw new Error(`${refused} requests to ${url} failed.`);
  return { perSecond: (found['2xx'] ?? 0) / (found.duration ?? seconds), p99: found.latency.p99 ?? Number.NaN };
}

/** A process of the system as `npm run` starts it. Its log goes to a file, as an operator's would. */
export class Host {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(child: ChildProcess, url: string, log: string) {
    this.#child = child;
    this.url = url;
    this.#log = log;
  }

  /** Spawns it and waits until it serves, or until it says that it started. `folder` holds its database. */
  static async start(root: string, script: string, folder: string, env: Record<string, string> = {}): Promise<Host> {
    const port = await freePort();
    const log = join(folder, `${script.replace(':', '-')}-${port}.log`);
    const out = openSync(log, 'a');
    const child = spawn('npm', ['run', '-s', script], {
      cwd: root,
      // A group of its own, so that a signal reaches npm and node alike.
      detached: true,
      stdio: ['ignore', out, out],
      env: { ...process.env, ...SETTINGS, PORT: String(port), DB_PATH: join(folder, 'jobs.db'), ...env },
    });
    closeSync(out);
    const host = new Host(child, `http://127.0.0.1:${port}`, log);
    await host.#ready();
    return host;
  }

  async #ready(): Promise<void> {
    const end = performance.now() + 30_000;
    while (!/"msg":"(listening|started)"/.test(this.output)) {
      if (this.#child.exitCode !== null || performance.now() > end) throw new Error(`It did not start: ${this.output}`);
      await pause(3);
    }
  }

  get output(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** Lines of its log that are a warning or an error, or that name SQLITE_BUSY. */
  get complaints(): string[] {
    return this.output.split('\n').filter((line) => /"level":"(warn|error)"|SQLITE_BUSY/.test(line));
  }

  /** CPU time that npm and node have used since they started, in milliseconds. */
  get cpuMs(): number {
    return membersOf(this.#child.pid as number).reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  }

  /** The most memory that its node process ever held. */
  get peakMb(): number {
    return Math.max(...membersOf(this.#child.pid as number).map(peakMbOf));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    process.kill(-(this.#child.pid as number), 'SIGTERM');
    await ended;
  }
}
