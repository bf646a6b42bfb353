import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, expect, test, vi } from 'vitest';
import { breaches } from '../support/invariants.ts';
import { readText } from '../support/markdown.ts';
import { freePort, pause } from '../support/server.ts';
import { checkout } from '../support/session.ts';
import { ADMIN } from '../support/system.ts';

interface App {
  name: string;
  script: string;
  args: string;
  instances?: number;
  exec_mode: string;
  kill_timeout: number;
}

// Four processes start at once, and the first of them builds.
vi.setConfig({ testTimeout: 240_000 });

const { apps } = JSON.parse(readText('ecosystem.config.json')) as { apps: App[] };
const folder = checkout();
const port = await freePort();
const settings = { PORT: String(port), BOOTSTRAP_ADMIN_TOKEN: ADMIN, RL_CAPACITY: '100000' };

/** Starts what an entry says, as PM2 does in fork mode: its instances, with Node, from the folder of the file. */
const processes = apps.flatMap(({ name, script, args, instances = 1 }) =>
  Array.from({ length: instances }, () => {
    const child = spawn(process.execPath, [script, ...args.split(' ')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...settings },
    });
    const started = { name, child, output: '' };
    child.stdout.on('data', (text) => (started.output += text));
    return started;
  }),
);

const call = async (path: string, body?: object) => {
  const headers = { 'x-user-auth': ADMIN, 'content-type': 'application/json' };
  const request = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
  return (await fetch(`http://127.0.0.1:${port}${path}`, request)).json();
};

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; !(await what()); await pause(50))
    if (Date.now() > end) throw new Error(processes.map(({ name, output }) => `${name}: ${output}`).join('\n'));
}

afterAll(() => {
  for (const { child } of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

test('ecosystem.config.json names an API, a coordinator and two processors, each a process of its own', () => {
  expect(processes.map(({ name }) => name)).toEqual([
    'escapement-api',
    'escapement-coordinator',
    'escapement-processor',
    'escapement-processor',
  ]);
  for (const { exec_mode, kill_timeout } of apps) {
    expect(exec_mode).toBe('fork');
    // Handlers get five seconds and requests six; only then may it be killed.
    expect(kill_timeout).toBeGreaterThan(6000);
  }
});

test('started as ecosystem.config.json says, the parts bring jobs to their end and failures to the dead-letter queue', async () => {
  await until(() => processes.every(({ output }) => /"msg":"(started|listening)"/.test(output)));
  const jobs = Array.from({ length: 40 }, () => ({ task_type: 'sleep', payload: { ms: 20 } }));
  const broken = { task_type: 'transform', payload: { input: 'text', expression: 'abs(@)' } };
  await call('/v1/jobs/batch', { jobs: [...jobs, broken] });
  await until(async () => {
    const { totals } = await call('/v1/jobs/report');
    return totals.done === 40 && totals.dlq === 1;
  });
});

test('each part stops gently on the signal that PM2 sends, and the database is sound', async () => {
  const codes = processes.map(({ child }) => new Promise((resolve) => child.on('exit', resolve)));
  for (const { child } of processes) child.kill('SIGINT');
  expect(await Promise.all(codes)).toEqual([0, 0, 0, 0]);
  const db = new Sqlite(join(folder, 'data/jobs.db'), { readonly: true });
  expect(breaches(db)).toEqual([]);
  expect(db.prepare("SELECT count(*) FROM jobs WHERE status = 'running'").pluck().get()).toBe(0);
  db.close();
});

test('the scripts that ecosystem.config.json starts are those that the npm scripts start', () => {
  const { scripts } = JSON.parse(readText('package.json'));
  const started = ['api', 'coordinator', 'processor'].map((part) => scripts[`start:${part}`].replace(/^exec /, ''));
  expect(apps.map(({ script, args }) => `node ${script} ${args}`)).toEqual(started);
});
