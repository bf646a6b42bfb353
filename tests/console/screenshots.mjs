// Makes docs/screenshots/ anew, from a system that it starts, fills and stops: npm run screenshots
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'docs/screenshots');
const folder = mkdtempSync(join(tmpdir(), 'escapement-screenshots-'));
const file = join(folder, 'jobs.db');
const TOKEN = 'a-token-for-screenshots';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const portOf = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
const probe = createSocket();
const port = await portOf(probe);
await new Promise((resolve) => probe.close(resolve));
const url = `http://127.0.0.1:${port}`;

const receiver = createServer((_, response) => response.writeHead(500).end('out of order'));
const hook = `http://127.0.0.1:${await portOf(receiver)}/orders`;

const system = spawn(process.execPath, ['emulator/escapement.mjs', 'dev'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
  env: {
    ...process.env,
    ...{ PORT: String(port), DB_PATH: file, BOOTSTRAP_ADMIN_TOKEN: TOKEN, WEBHOOK_ALLOW_PRIVATE: 'true' },
    ...{ BACKOFF_BASE_MS: '400', BACKOFF_MAX_MS: '900', MAX_DLQ_REDRIVES: '0', RL_CAPACITY: '1000000' },
  },
});

async function api(path, body) {
  const headers = { 'x-user-auth': TOKEN, 'content-type': 'application/json' };
  const answer = await fetch(url + path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

async function until(what) {
  for (const end = Date.now() + 60_000; ; await pause(100)) {
    if (await what().catch(() => false)) return;
    if (Date.now() > end) throw new Error('It did not come to that in time.');
  }
}

/** Jobs of every kind and in every state. The job whose life is shown. */
async function fill() {
  for (const name of ['shop', 'nightly-reports', 'ada'])
    await api('/v1/users', { name, role: name === 'ada' ? 'admin' : 'user' });
  const people = {
    input: {
      people: [
        { name: 'Ada', age: 36 },
        { name: 'Tom', age: 12 },
      ],
    },
    expression: 'people[?age > `18`].name',
  };
  const jobs = Array.from({ length: 60 }, (_, i) =>
    i % 3 === 0 ? { task_type: 'transform', payload: people } : { task_type: 'sleep', payload: { ms: 20 + i * 3 } },
  );
  await api('/v1/jobs/batch', { jobs });
  const webhook = {
    task_type: 'webhook',
    payload: { url: hook, body: { order: 4711, state: 'paid' } },
    max_retries: 2,
  };
  const job = await api('/v1/jobs', { ...webhook, idempotency_key: 'order-4711' });
  await api('/v1/jobs', {
    task_type: 'sendEmail',
    payload: { to: 'ada@example.com', subject: 'Your report', text: 'It is ready.' },
  });
  await until(async () => (await api(`/v1/jobs/${job.id}`)).status === 'dlq');
  for (const minutes of [10, 45, 120])
    await api('/v1/jobs', {
      task_type: 'sendEmail',
      payload: { to: 'tom@example.com', subject: 'A reminder', text: 'Soon.' },
      delay_ms: minutes * 60_000,
    });
  const { id } = await api('/v1/jobs', { task_type: 'sleep', payload: { ms: 5 }, delay_ms: 600_000 });
  await fetch(`${url}/v1/jobs/${id}/cancel`, { method: 'POST', headers: { 'x-user-auth': TOKEN } });
  for (const ms of [240_000, 250_000]) await api('/v1/jobs', { task_type: 'sleep', payload: { ms } });
  return job;
}

/** An hour of history, which the system itself would have taken an hour to write. */
function remember() {
  const db = new Sqlite(file);
  const [through] = db.prepare('SELECT max(seq) FROM logs').pluck().all();
  const insert = db.prepare('INSERT OR IGNORE INTO dumps (minute, at, through, body) VALUES (?, ?, ?, ?)');
  const now = Math.floor(Date.now() / 60_000);
  for (let x = 0; x < 62; x++) {
    const minute = now - 62 + x;
    const wave = (period, size) => size * Math.sin(x / period);
    const done = Math.round(60 * (22 + wave(7, 12) + wave(2.3, 4)));
    const totals = {
      pending: Math.round(Math.max(2, 36 + wave(9, 34))),
      running: 4,
      failed: 1,
      done: 9000,
      dlq: x > 40 ? 2 : 0,
      cancelled: 1,
    };
    const counts = Object.fromEntries(Object.entries(totals).map(([status, n]) => [status, { sleep: n }]));
    const body = {
      ...{ counts, totals, events: { done, failed: Math.round(Math.max(0, wave(5, 200))) }, every: 1, span_ms: 60_000 },
      wait_ms: { p50: 2, p95: Math.round(24 + wave(4, 14)), p99: 60 },
      run_ms: { p50: 40, p95: Math.round(180 + wave(6, 60)), p99: 300 },
      ...{ oldest_due_ms: 0, claimed_at: minute * 60_000 },
    };
    insert.run(minute, minute * 60_000 + 900, through, JSON.stringify(body));
  }
  db.close();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-sync',
  ],
});
try {
  await until(async () => (await fetch(`${url}/healthz`)).ok);
  const job = await fill();
  remember();
  mkdirSync(out, { recursive: true });
  const pages = {
    overview: '#/',
    jobs: '#/jobs',
    job: `#/jobs/${job.id}`,
    schedule: '#/schedule',
    logs: '#/logs',
    users: '#/users',
  };
  const emulated = (await fetch(`${url}/__emulator/state`)).ok;
  if (emulated) {
    pages.emulator = '#/emulator';
    const put = {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"status":503,"delay_ms":200}',
    };
    await fetch(`${url}/__emulator/bins/orders`, put);
  }
  for (const scheme of ['light', 'dark']) {
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1140, height: 740 } });
    const page = await context.newPage();
    await page.goto(url);
    const shoot = (name) => page.screenshot({ path: join(out, `${name}-${scheme}.png`) });
    await shoot('sign-in');
    await page.getByLabel('Your token').fill(TOKEN);
    await page.keyboard.press('Enter');
    for (const [name, hash] of Object.entries(pages)) {
      await page.evaluate((next) => {
        location.hash = next;
      }, hash);
      await page.locator('h1').waitFor();
      await pause(1500);
      await shoot(name);
    }
    await page.setViewportSize({ width: 390, height: 800 });
    await page.evaluate(() => {
      location.hash = '#/';
    });
    await pause(1500);
    await shoot('phone');
    await context.close();
  }
} finally {
  await browser.close();
  receiver.close();
  system.kill('SIGTERM');
  await new Promise((resolve) => system.once('exit', resolve));
  rmSync(folder, { recursive: true, force: true });
}
