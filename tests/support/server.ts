import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './build.ts';
import { ADMIN, type Answer } from './system.ts';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });

export const tempFolder = (): string => mkdtempSync(join(tmpdir(), 'escapement-test-'));

export interface Options {
  /** A script of package.json. */
  script?: string;
  folder?: string;
  port?: number;
  env?: Record<string, string>;
}

/** A real process of the built system, or of one part of it, as `npm run` starts it. */
export class Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly folder: string;
  output = '';

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.child = child;
    this.url = url;
    this.folder = folder;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (this.output += text));
  }

  /** Starts it, and waits until it serves (or, for a part without an API, until it says that it started). */
  static async start({ script = 'start', folder = tempFolder(), port, env = {} }: Options = {}): Promise<Server> {
    const server = await Server.launch({ script, folder, ...(port && { port }), env });
    for (let i = 0; ; i++) {
      if (server.child.exitCode !== null || i > 300) throw new Error(`did not start: ${server.output}`);
      if (script === 'start' || script === 'dev' || script === 'start:api') {
        if (
          await fetch(`${server.url}/healthz`).then(
            (r) => r.ok,
            () => false,
          )
        )
          return server;
      } else if (server.output.includes('started')) return server;
      await pause(50);
    }
  }

  /** Starts it without waiting for anything. */
  static async launch({ script = 'start', folder = tempFolder(), port, env = {} }: Options = {}): Promise<Server> {
    const chosen = port ?? (await freePort());
    const settings = {
      RL_CAPACITY: '1000000',
      RL_WINDOW_MS: '1000',
      BOOTSTRAP_ADMIN_TOKEN: ADMIN,
      TICK_SECRET: 'tick-secret',
      WEBHOOK_ALLOW_PRIVATE: 'true',
    };
    const child = spawn('npm', ['run', '-s', script], {
      cwd: root,
      // Its own group, so that a signal reaches npm and node alike, as from a terminal.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...settings, PORT: String(chosen), DB_PATH: join(folder, 'jobs.db'), ...env },
    });
    return new Server(child, `http://127.0.0.1:${chosen}`, folder);
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    { token = ADMIN, headers = {} }: { token?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token && { 'x-user-auth': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text && JSON.parse(text) };
  }

  /** Waits until the job is in one of these states; the job. */
  async until(id: string, statuses: string[], ms = 20_000): Promise<Answer['json']> {
    const end = Date.now() + ms;
    for (;;) {
      const { json } = await this.call('GET', `/v1/jobs/${id}`);
      if (statuses.includes(json.status)) return json;
      if (Date.now() > end)
        throw new Error(
          `${id} is ${json.status}, not ${statuses}: ${JSON.stringify(json)}\n${this.output.slice(-2000)}`,
        );
      await pause(20);
    }
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    try {
      process.kill(-(this.child.pid as number), signal);
    } catch {}
  }

  /** Ends it as a terminal would; its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const ended = new Promise<number | null>((resolve) => this.child.on('exit', (code) => resolve(code)));
    this.kill(signal);
    const timer = setTimeout(() => this.kill(), 15_000);
    const code = await ended;
    clearTimeout(timer);
    return code;
  }
}
