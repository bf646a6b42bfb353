import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { ADMIN, batchBody, tempFolder } from '../support/built.ts';
import { freePort, Host, load } from '../support/processes.ts';
import { interleave, row, type Scenario } from '../support/scenario.ts';
import { ratios } from '../support/stats.ts';

const SECONDS = 2;
const CONNECTIONS = 50;
const LATER = { delay_ms: 86_400_000 };
const one = (more: object = {}): string => JSON.stringify({ task_type: 'sleep', payload: { ms: 0 }, ...more });

/** POST /v1/jobs against a real `npm start`, by a user with a token, against the least that a server could do. */
export const http: Scenario = {
  name: 'http',
  title: `http: npm start with token, rate limit and log on; ${CONNECTIONS} connections for ${SECONDS} s, autocannon in its own process`,
  async run({ root, runs }) {
    const folder = tempFolder();
    const host = await Host.start(root, 'start', folder);
    const bare = await startBare(root, folder);
    const token = await makeUser(host.url);
    const fire = (url: string, path: string, body: string, connections = CONNECTIONS, seconds = SECONDS) =>
      load(url + path, seconds, connections, token, body);
    try {
      for (const url of [bare.url, host.url]) await fire(url, '/v1/jobs', one(LATER), CONNECTIONS, 1);
      const found = await interleave(Math.min(runs, 3), {
        bare: () => fire(bare.url, '/v1/jobs', one(LATER)),
        later: () => fire(host.url, '/v1/jobs', one(LATER)),
        batch: () => fire(host.url, '/v1/jobs/batch', batchBody(100, LATER), 10),
        now: () => fire(host.url, '/v1/jobs', one()),
      });
      const rate = (name: string) => (found[name] ?? []).map(({ perSecond }) => perSecond);
      const p99 = (name: string) => (found[name] ?? []).map((run) => run.p99);
      return [
        row('bare route, one row', 'requests/s', rate('bare')),
        row('POST /v1/jobs, due tomorrow', 'requests/s', rate('later'), { atLeast: 3000 }),
        row('POST /v1/jobs, due tomorrow, p99', 'ms', p99('later')),
        row('POST /v1/jobs, run at once by the same process', 'requests/s', rate('now')),
        row('POST /v1/jobs, due tomorrow / bare route', 'x', ratios(rate('later'), rate('bare')), { atLeast: 0.5 }),
        row(
          'POST /v1/jobs/batch of 100, due tomorrow',
          'jobs/s',
          rate('batch').map((n) => 100 * n),
          { atLeast: 40_000 },
        ),
        row('warnings and errors logged', 'lines', [host.complaints.length], { atMost: 0 }),
      ];
    } finally {
      await host.stop();
      await bare.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

async function startBare(root: string, folder: string) {
  const port = await freePort();
  const child = spawn(process.execPath, [`${root}/dist/bench/bare-route.mjs`, folder, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** A user as most callers are one: its token is looked up in the database. */
export async function makeUser(url: string, role = 'user'): Promise<string> {
  const response = await fetch(`${url}/v1/users`, {
    method: 'POST',
    headers: { 'x-user-auth': ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', role }),
  });
  const { token } = (await response.json()) as { token: string };
  return token;
}
