import { pause, Server } from '../../support/server.ts';

/** `whole` is a process that does everything. */
export type Kind = 'whole' | 'api' | 'processor' | 'coordinator';
export type Counts = Partial<Record<Kind, number>>;

/** Time that a process gets to start on a machine that is busy. */
const START_WITHIN_MS = 60_000;

/** One process of the system, and its successors after it was killed. */
export class Part {
  readonly name: string;
  readonly kind: Kind;
  frozen = false;
  readonly #fleet: Fleet;
  #server: Server | undefined;
  /** Whether its end was asked for. */
  #doomed = false;

  constructor(fleet: Fleet, kind: Kind, number: number) {
    this.#fleet = fleet;
    this.kind = kind;
    this.name = `${kind} ${number}`;
  }

  /** Whether there is a process, be it frozen or still starting. */
  get alive(): boolean {
    return this.#server !== undefined && !this.#doomed && this.#server.child.exitCode === null;
  }

  /** Where it listens, or did last. */
  get url(): string {
    return this.#server?.url ?? 'http://127.0.0.1:9';
  }

  get pid(): number | undefined {
    return this.alive ? this.#server?.child.pid : undefined;
  }

  /** What this process has said. */
  get output(): string {
    return this.#server?.output ?? '';
  }

  /** Starts a process and waits until it serves; false where it was killed meanwhile, or refused to start. */
  async start(): Promise<boolean> {
    const script = this.kind === 'whole' ? 'start' : `start:${this.kind}`;
    const { folder, settings } = this.#fleet;
    this.#doomed = false;
    this.frozen = false;
    const server = await Server.launch({ script, folder, env: settings, bare: true });
    this.#server = server;
    let started = false;
    void server.exited.then((code) => {
      this.#fleet.keepLog(server.output);
      if (this.#server !== server || this.#doomed) return;
      const end = `${this.name} ended with ${code}: ${server.stderr || server.stdout.slice(-300)}`.trim();
      (started ? this.#fleet.deaths : this.#fleet.refusals).push(end);
    });
    for (const end = Date.now() + START_WITHIN_MS; Date.now() < end; await pause(20)) {
      if (/"msg":"(listening|started)"/.test(server.stdout)) started = true;
      if (started || this.#doomed || server.child.exitCode !== null) break;
    }
    return started && this.alive;
  }

  /** Ends it as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.alive) return;
    this.#doomed = true;
    this.#fleet.kills += 1;
    this.#server?.kill('SIGKILL');
    await this.#server?.exited;
  }

  /** Takes all processor time from it, in whatever it is doing. */
  freeze(): void {
    if (!this.alive || this.frozen) return;
    this.frozen = true;
    this.#fleet.freezes += 1;
    this.#server?.kill('SIGSTOP');
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.#server?.kill('SIGCONT');
  }

  /** Stops it as an operator does. One that does not end well is named among the deaths. */
  async stop(): Promise<void> {
    if (!this.alive) return;
    this.thaw();
    this.#doomed = true;
    const code = await this.#server?.stop('SIGTERM');
    if (code !== 0) this.#fleet.deaths.push(`${this.name} was asked to stop and ended with ${code}`);
  }
}

/** The processes of one system over one database file. */
export class Fleet {
  readonly parts: Part[];
  readonly folder: string;
  readonly settings: Record<string, string>;
  kills = 0;
  freezes = 0;
  /** Ends that nobody asked for, after and before a process had started. */
  readonly deaths: string[] = [];
  readonly refusals: string[] = [];
  /** How often each thing was logged as a warning or an error. */
  readonly complaints = new Map<string, number>();

  constructor(folder: string, settings: Record<string, string>, counts: Counts) {
    this.folder = folder;
    this.settings = settings;
    this.parts = Object.entries(counts).flatMap(([kind, n]) =>
      Array.from({ length: n }, (_, i) => new Part(this, kind as Kind, i + 1)),
    );
  }

  of = (kind: Kind): Part[] => this.parts.filter((part) => part.kind === kind);

  /** Those that answer HTTP. */
  get doors(): Part[] {
    return this.parts.filter(({ kind }) => kind === 'api' || kind === 'whole');
  }

  /** Starts every part that is not there; throws where one of them does not come up. */
  async start(): Promise<void> {
    const missing = this.parts.filter(({ alive }) => !alive);
    const started = await Promise.all(missing.map((part) => part.start()));
    if (started.includes(false)) throw new Error(`not everything started: ${this.refusals.join('\n')}`);
  }

  stop = async (): Promise<unknown> => Promise.all(this.parts.map((part) => part.stop()));

  kill = async (): Promise<unknown> => Promise.all(this.parts.map((part) => part.kill()));

  /** Counts what a process that is gone had to complain of. */
  keepLog(output: string): void {
    for (const line of output.split('\n')) {
      const found = /"level":"(warn|error)".*"msg":"([^"]*)"/.exec(line);
      if (!found) continue;
      const cause = /SQLITE_\w+|"code":"\w+"/.exec(line)?.[0] ?? /"cause":"[^"]{0,80}/.exec(line)?.[0] ?? '';
      const text = `${found[2]} ${cause}`.trim();
      this.complaints.set(text, (this.complaints.get(text) ?? 0) + 1);
    }
  }
}
