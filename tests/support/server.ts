import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './build.ts';
import { ADMIN, type Answer, readBody } from './system.ts';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });

const folders = new Set<string>();
const servers = new Set<Server>();

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'escapement-test-'));
  folders.add(folder);
  return folder;
}

/** Ends every process that is still there and removes every folder made for it: for `afterEach`. */
export async function cleanUp(): Promise<void> {
  const [ending, leaving] = [[...servers], [...folders]];
  for (const server of ending) server.kill();
  await Promise.all(ending.map(({ exited }) => exited));
  for (const folder of leaving) rmSync(folder, { recursive: true, force: true });
  for (const server of ending) servers.delete(server);
  for (const folder of leaving) folders.delete(folder);
}

// However this process ends, and whatever was started while it did: no other is left behind.
process.on('exit', () => {
  for (const server of servers) server.kill();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

export interface Options {
  /** A script of package.json. */
  script?: string;
  /** What is typed after the script. */
  args?: string[];
  folder?: string;
  port?: number;
  /** Settings over those for tests; undefined leaves one unset. */
  env?: Record<string, string | undefined>;
  /** The folder of the project, where it is not this one. */
  project?: string;
  /** The working directory, where it is not the project. */
  cwd?: string;
  /** Starts node without npm in between: the pid and the exit code are those of the system itself. */
  bare?: boolean;
}

/** The command behind a script of package.json, with node and its file by their full paths. */
function commandOf(script: string, project: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  const [, file, ...rest] = scripts[script].split(' ');
  return [process.execPath, join(project, file), ...rest];
}

/** A real process of the built system, or of one part of it, as `npm run` starts it. */
export class Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly folder: string;
  /** Both streams, as they came. */
  output = '';
  stdout = '';
  stderr = '';
  /** The exit code, once the process is gone and all it said was read. */
  readonly exited: Promise<number | null>;
  #gone = false;

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.child = child;
    this.url = url;
    this.folder = folder;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        this.output += text;
      });
    }
    this.exited = new Promise((resolve) =>
      child.on('close', (code) => {
        this.#gone = true;
        resolve(code);
      }),
    );
    servers.add(this);
  }

  /** The path of the database. */
  get file(): string {
    return join(this.folder, 'jobs.db');
  }

  /** The log lines it wrote; what is not JSON is left out. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects
  get lines(): Record<string, any>[] {
    const whole = this.stdout.split('\n').slice(0, -1);
    return whole.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  }

  /** Starts it, and waits until it serves (or, for a part without an API, until it says that it started). */
  static async start(options: Options = {}): Promise<Server> {
    const server = await Server.launch(options);
    const { script = 'start' } = options;
    for (let i = 0; ; i++) {
      if (server.child.exitCode !== null || i > 900) throw new Error(`did not start: ${server.output}`);
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
  static async launch(options: Options = {}): Promise<Server> {
    const { script = 'start', folder = tempFolder(), port, env = {}, project = root, cwd = project } = options;
    const chosen = port ?? (await freePort());
    const settings = {
      RL_CAPACITY: '1000000',
      RL_WINDOW_MS: '1000',
      BOOTSTRAP_ADMIN_TOKEN: ADMIN,
      TICK_SECRET: 'tick-secret',
      WEBHOOK_ALLOW_PRIVATE: 'true',
    };
    const { args = [] } = options;
    const [command = '', ...rest] = options.bare ? commandOf(script, project) : ['npm', 'run', '-s', script, '--'];
    const child = spawn(command, [...rest, ...args], {
      cwd,
      // Its own group, so that a signal reaches npm and node alike, as from a terminal.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...settings, PORT: String(chosen), DB_PATH: join(folder, 'jobs.db'), ...env },
    });
    return new Server(child, `http://127.0.0.1:${chosen}`, folder);
  }

  /** Starts it and waits until it ends by itself; its exit code is in `exited`. */
  static async run(options: Options = {}): Promise<Server> {
    const server = await Server.launch(options);
    const timer = setTimeout(() => server.kill(), 50_000);
    await server.exited;
    clearTimeout(timer);
    return server;
  }

  /** Schedules a job and expects it to be accepted. */
  async schedule(task_type: string, payload: object, more: object = {}): Promise<Answer['json']> {
    const answer = await this.call('POST', '/v1/jobs', { task_type, payload, ...more });
    if (answer.status !== 201) throw new Error(`not scheduled: ${JSON.stringify(answer.json)}`);
    return answer.json;
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
    return { status: response.status, headers: response.headers, json: readBody(response.headers, text) };
  }

  /** Waits until the job is in one of these states; the job. */
  async until(id: string, statuses: string[], ms = 45_000): Promise<Answer['json']> {
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
    if (this.#gone) return;
    try {
      process.kill(-(this.child.pid as number), signal);
    } catch {}
  }

  /** Ends it as a terminal would; its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.kill(signal);
    const timer = setTimeout(() => this.kill(), 15_000);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}
