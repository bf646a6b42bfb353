import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from './built.ts';
import { runNode } from './processes.ts';
import type { Bench } from './scenario.ts';
import { type Service, startPostgres, startRedis } from './services.ts';

/** Other queues, each with the server it needs. */
const PEERS = { plainjob: undefined, 'graphile-worker': startPostgres, 'pg-boss': startPostgres, bullmq: startRedis };
type Peer = keyof typeof PEERS;

export interface Peers<Result> {
  contenders: Partial<Record<Peer, () => Promise<Result>>>;
  close(): Promise<void>;
}

/**
 * Installs the peers, starts their servers and tries each once; each contender then runs tests/bench/peers/NAME.mjs
 * with these arguments. What cannot be had is left out, with the reason; nothing here fails a benchmark.
 */
export async function openPeers<Result>(bench: Bench, args: string[], names?: Peer[]): Promise<Peers<Result>> {
  const contenders: Peers<Result>['contenders'] = {};
  const folder = tempFolder();
  const services = new Map<unknown, Promise<Service>>();
  const close = async () => {
    for (const service of services.values()) await service.then((one) => one.stop()).catch(() => {});
    rmSync(folder, { recursive: true });
  };
  for (const name of bench.peers ? (names ?? (Object.keys(PEERS) as Peer[])) : []) {
    try {
      install(bench);
      const start = PEERS[name];
      if (start && !services.has(start)) services.set(start, start(folder));
      const url = start ? (await services.get(start))?.url : undefined;
      const script = join(bench.root, `tests/bench/peers/${name}.mjs`);
      const run = (given: string[]) => runNode<Result>(script, given, { SERVICE_URL: url ?? '', DATA_FOLDER: folder });
      bench.progress(`trying ${name}`);
      await run(['drain', '100']);
      contenders[name] = () => run(args);
    } catch (error) {
      bench.leaveOut(name, (error as Error).message);
    }
  }
  return { contenders, close };
}

/** Their packages are no dependency of the project: they are fetched when somebody wants to compare. */
function install(bench: Bench): void {
  const folder = join(bench.root, 'tests/bench/peers');
  if (existsSync(join(folder, 'node_modules/.package-lock.json'))) return;
  bench.progress('installing the peers');
  const flags = ['--no-package-lock', '--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}
