import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Built, SETTINGS, tempFolder } from '../support/built.ts';
import { hasProc } from '../support/proc.ts';
import { freePort, Host } from '../support/processes.ts';
import { untilDrained } from '../support/rows.ts';
import { type Bench, interleave, type Row, row, type Scenario } from '../support/scenario.ts';

/** By then what the start left behind is collected. */
const SETTLED_AFTER_MS = 25_000;
const WATCH_MS = 20_000;

/** What the system costs while it does nothing, how soon it serves, and how much memory a backlog takes. */
export const idle: Scenario = {
  name: 'idle',
  title: 'idle: npm start with nothing to do, from its start to the first 200, and draining a backlog',
  async run(bench) {
    const started = await interleave(bench.runs, { start: () => startTime(bench.root) });
    const rows = [row('npm start on a built tree, to the first 200 of /healthz', 'ms', started.start ?? [])];
    if (hasProc) return [...rows, await idleCpu(bench), ...(await memory(bench))];
    bench.leaveOut('idle CPU and memory', 'this system has no /proc');
    return rows;
  },
};

async function startTime(root: string): Promise<number> {
  const folder = tempFolder();
  const port = await freePort();
  const out = openSync(join(folder, 'log'), 'a');
  const start = performance.now();
  const child = spawn('npm', ['start'], {
    cwd: root,
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, ...SETTINGS, PORT: String(port), DB_PATH: join(folder, 'jobs.db') },
  });
  const serves = () =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await serves())) await pause(2);
  const took = performance.now() - start;
  const ended = once(child, 'exit');
  process.kill(-(child.pid as number), 'SIGTERM');
  await ended;
  rmSync(folder, { recursive: true });
  return took;
}

async function idleCpu({ root, progress }: Bench): Promise<Row> {
  const folder = tempFolder();
  const host = await Host.start(root, 'start', folder);
  await pause(SETTLED_AFTER_MS);
  progress(`watching an idle system for ${WATCH_MS / 1000} s`);
  const before = host.cpuMs;
  const start = performance.now();
  await pause(WATCH_MS);
  const used = (100 * (host.cpuMs - before)) / (performance.now() - start);
  await host.stop();
  rmSync(folder, { recursive: true });
  return row('idle CPU, user and system', '% of a core', [used], { atMost: 1 });
}

async function memory({ root, deep, progress }: Bench): Promise<Row[]> {
  const jobs = deep ? 1_000_000 : 100_000;
  const built = await Built.over(root);
  progress(`making a backlog of ${jobs}`);
  await built.enqueue(jobs);
  built.db.pragma('wal_checkpoint(TRUNCATE)');
  const host = await Host.start(root, 'start:processor', built.folder);
  await untilDrained(join(built.folder, 'jobs.db'));
  const peak = host.peakMb;
  await host.stop();
  built.close();
  const what = `most memory of a processor draining ${jobs.toLocaleString('en-US')} jobs`;
  return [row(what, 'MB', [peak], { atMost: 200 })];
}
