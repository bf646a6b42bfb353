import { execFile } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { statementsIn } from '../../emulator/deploy/migrate-d1.ts';
import { root } from '../support/build.ts';
import { expectContract } from '../support/contract.ts';
import { folder, Gateway, type GatewayOptions, manifest, wrangler } from '../support/gateway.ts';
import { blocksOf, readText, section } from '../support/markdown.ts';
import { cleanUp, freePort, pause, tempFolder } from '../support/server.ts';
import { typeAlong } from '../support/session.ts';
import { ADMIN } from '../support/system.ts';

const open: Gateway[] = [];
const bare: Gateway[] = [];

async function started(options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = await Gateway.start(options);
  // Those without a database have nothing that could be wrong.
  if (options.database !== 'none') open.push(gateway);
  else bare.push(gateway);
  return gateway;
}

afterEach(async () => {
  const found: string[] = [];
  for (const gateway of open) found.push(...(await gateway.breaches()));
  for (const gateway of [...open.splice(0), ...bare.splice(0)]) await gateway.close();
  expect(found).toEqual([]);
});
afterAll(cleanUp);

/** Runs wrangler on a copy of dist/cloudflare, with nothing of this machine's: no account, no metrics, no update check. */
async function runWrangler(copy: string, ...args: string[]): Promise<string> {
  const home = tempFolder();
  const settings = { HOME: home, XDG_CONFIG_HOME: home, WRANGLER_LOG_PATH: home, WRANGLER_SEND_METRICS: 'false' };
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [join(root, 'node_modules/wrangler/bin/wrangler.js'), ...args],
    {
      cwd: copy,
      env: { PATH: process.env.PATH, ...settings, WRANGLER_HIDE_BANNER: 'true', CI: 'true', NO_COLOR: '1' },
    },
  );
  return stdout + stderr;
}

function copied(): string {
  const copy = tempFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** Waits until a job is in this state; the job. */
async function until(gateway: Gateway, id: string, status: string): Promise<Record<string, unknown>> {
  for (const end = Date.now() + 45_000; ; await pause(20)) {
    const { json } = await gateway.call('GET', `/v1/jobs/${id}`);
    if (json.status === status) return json;
    if (Date.now() > end) throw new Error(`${id} is ${json.status}, not ${status}`);
  }
}

async function schedule(gateway: Gateway, task_type: string, payload: object, more: object = {}): Promise<string> {
  const answer = await gateway.call('POST', '/v1/jobs', { task_type, payload, ...more });
  expect(answer.status).toBe(201);
  return answer.json.id;
}

describe('dist/cloudflare', () => {
  test('is what wrangler would deploy: the gateway, and every function with the bytes that the emulator runs', async () => {
    const out = tempFolder();
    const said = await runWrangler(copied(), 'deploy', '--dry-run', '--outdir', out);
    expect(said).toContain('--dry-run: exiting now.');
    expect(said).not.toMatch(/warning|error/i);
    for (const { file } of manifest.functions)
      expect(readFileSync(join(out, file)).equals(readFileSync(join(root, 'dist', file))), file).toBe(true);
    const uploaded = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name));
    expect(uploaded.sort()).toEqual(['README.md', 'gateway.mjs', ...manifest.functions.map(({ file }) => file)].sort());
  });

  test('names no secret, and every setting in it is one the functions take', async () => {
    expect(JSON.stringify(wrangler)).not.toMatch(/TICK_SECRET|BOOTSTRAP_ADMIN_TOKEN|WEBHOOK_SECRET|EMAIL_URL/);
    const gateway = await started();
    expect((await gateway.call('GET', '/healthz')).status).toBe(200);
    expect(wrangler.triggers.crons).toEqual(['* * * * *']);
    expect(Number(wrangler.vars.TICK_MAX_QUERIES) * 2).toBeLessThan(1000);
  });

  test('is migrated by wrangler to the same schema that the emulator makes, and the gateway works on it', async () => {
    const copy = copied();
    const state = tempFolder();
    const migrate = () => runWrangler(copy, 'd1', 'migrations', 'apply', 'DB', '--local', '--persist-to', state);
    expect(await migrate()).toContain(readdirSync(join(root, 'migrations'))[0]);
    expect(await migrate()).toContain('No migrations to apply');

    const gateway = await started({ d1: join(state, 'v3/d1') });
    const { json } = await gateway.call('GET', '/healthz');
    expect(json).toMatchObject({ status: 'ok', migration: readdirSync(join(root, 'migrations')).sort().at(-1) });
    const schema =
      "SELECT type, name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'sqlite_%' AND tbl_name NOT LIKE '_cf_%' AND name <> 'migrations' AND sql IS NOT NULL ORDER BY name";
    const here = new Sqlite(':memory:');
    for (const name of readdirSync(join(root, 'migrations')).sort())
      here.exec(readFileSync(join(root, 'migrations', name), 'utf8'));
    const shown = (rows: unknown[]) =>
      (rows as { type: string; name: string; sql: string }[]).map(({ sql, ...row }) => ({
        ...row,
        sql: sql.replaceAll(/--.*/g, '').replaceAll(/\s+/g, ' '),
      }));
    expect(shown(await gateway.sql(schema))).toEqual(shown(here.prepare(schema).all()));
  });
});

describe('A migration', () => {
  test('is split into its statements, triggers whole', () => {
    const sql =
      'CREATE TABLE a (b); -- one; two\nCREATE TRIGGER t BEFORE UPDATE ON a\nBEGIN SELECT 1;\n SELECT 2; END;\nDROP\n  TABLE a;\n-- end;\n';
    expect(statementsIn(sql)).toEqual([
      'CREATE TABLE a (b);',
      'CREATE TRIGGER t BEFORE UPDATE ON a\nBEGIN SELECT 1;\n SELECT 2; END;',
      'DROP\n  TABLE a;',
    ]);
    expect(() => statementsIn('CREATE TABLE a (b)')).toThrow('in the middle');
  });
});

describe('The gateway Worker', () => {
  test("passes the README's first session, typed word for word, with no cron at all", async () => {
    const [start = '', ...blocks] = blocksOf(section(readText('README.md'), '## A first session'), 'sh');
    const settings = Object.fromEntries([...start.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
    const gateway = await started({ settings: settings as Record<string, string> });
    const receiver = String(await freePort());
    const typed = blocks.map((block) =>
      block
        .replaceAll('http://127.0.0.1:8000', gateway.url.origin)
        .replaceAll('8001', receiver)
        .replace('the-admin-token', ADMIN),
    );
    const outputs = await typeAlong(typed, tempFolder());
    const said = outputs.join('\n');
    expect(said).toContain('"result":["Ada"]');
    expect(said).toContain('The receiver answered 500: out of order');
    expect(said.match(/^POST \/hook .*$/gm)).toHaveLength(4);
    const report = (await gateway.call('GET', '/v1/jobs/report')).json;
    expect(report.counts).toMatchObject({ done: { sleep: 1, transform: 1, webhook: 1 }, dlq: { sendEmail: 1 } });
    expect(report.dlqItems[0].error).toContain('EMAIL_URL is not set');
    expect(gateway.console.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('sends mail over SMTP', async () => {
    const mails: string[] = [];
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, _, done) {
        let text = '';
        stream.on('data', (chunk) => (text += chunk));
        stream.on('end', () => done(null, void mails.push(text) as never));
      },
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    const { port } = smtp.server.address() as AddressInfo;
    const gateway = await started({ settings: { EMAIL_URL: `smtp://127.0.0.1:${port}` } });
    const id = await schedule(gateway, 'sendEmail', { to: 'ada@example.com', subject: 'Hello', text: 'It ticks.' });
    await until(gateway, id, 'done');
    await new Promise<void>((resolve) => smtp.close(resolve));
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain(`Message-ID: <${id}@localhost>`);
  });

  test('starts a job that is due at once, by a wake over its service binding', async () => {
    const gateway = await started({ settings: { TICK_LINGER_MS: '0' } });
    const id = await schedule(gateway, 'sleep', { ms: 0 });
    await until(gateway, id, 'done');
    // A wake that the tick refuses is not silent.
    const locked = await started({ settings: { TICK_SECRET: '' } });
    await schedule(locked, 'sleep', { ms: 0 });
    await pause(300);
    expect(locked.console.map(({ message }) => message).join()).toContain('A tick could not be woken.');
  });

  test('starts a job that is due in a few seconds on time, without the next cron', async () => {
    const gateway = await started();
    const id = await schedule(gateway, 'sleep', { ms: 0 }, { delay_ms: 2500 });
    const before = (await gateway.call('GET', `/v1/jobs/${id}`)).json;
    expect(before.status).toBe('pending');
    const { started_at, run_at } = await until(gateway, id, 'done');
    expect(Date.parse(started_at as string)).toBeGreaterThanOrEqual(Date.parse(run_at as string));
  });

  test('hands on from call to call until a job falls due that is further off than a call may last', async () => {
    const gateway = await started({ settings: { TICK_CALL_MS: '500' } });
    const id = await schedule(gateway, 'sleep', { ms: 0 }, { delay_ms: 2500 });
    await until(gateway, id, 'done');
    const calls = gateway.console.filter(({ message }) => message.includes('"path":"/v1/ticks/process-batch"'));
    expect(calls.length).toBeGreaterThan(3);
    expect(calls.length).toBeLessThan(12);
  });

  test('gives a job back without a charge when its call is over, and a cron runs it to its end', async () => {
    const gateway = await started({ settings: { TICK_CALL_MS: '300', TICK_LINGER_MS: '1', JOB_TIMEOUT_MS: '60000' } });
    const id = await schedule(gateway, 'sleep', { ms: 6000 });
    await until(gateway, id, 'running');
    expect(await until(gateway, id, 'pending')).toMatchObject({ lease_epoch: 1, retries: 0, interruptions: 0 });
    expect(await gateway.cron()).toBe('ok');
    const done = await until(gateway, id, 'done');
    expect(done).toMatchObject({ lease_epoch: 2, retries: 0, interruptions: 0 });
  });

  test('runs both ticks at a cron, or the tick that is named, and the failure of one does not stop the other', async () => {
    const gateway = await started({ settings: { LOG_LEVEL: 'debug', TICK_LINGER_MS: '0' } });
    const ticked = () =>
      gateway.console.splice(0).flatMap(({ message }) => {
        const { message: text, tick } = JSON.parse(message);
        return text === 'tick' ? [tick] : [];
      });
    expect(await gateway.cron()).toBe('ok');
    expect(ticked().sort()).toEqual(['coordinate', 'process-batch']);
    expect(await gateway.cron('coordinate')).toBe('ok');
    expect(ticked()).toEqual(['coordinate']);
    expect(await gateway.cron('*/5 * * * *')).toBe('ok');
    expect(ticked().sort()).toEqual(['coordinate', 'process-batch']);

    await schedule(gateway, 'sleep', { ms: 0 }, { delay_ms: 3_600_000 });
    await gateway.sql('UPDATE jobs SET run_at = 1');
    await gateway.sql('DROP INDEX jobs_cancelling');
    expect(await gateway.cron()).toBe('exception');
    const said = gateway.console.map(({ message }) => JSON.parse(message));
    expect(said).toContainEqual(expect.objectContaining({ message: 'tick failed', tick: 'process-batch' }));
    expect(said).toContainEqual(expect.objectContaining({ message: 'tick', tick: 'coordinate' }));
  });

  test('runs two ticks of one isolate side by side', async () => {
    const gateway = await started({ settings: { TICK_LINGER_MS: '0' } });
    const long = await schedule(gateway, 'sleep', { ms: 1500 });
    await until(gateway, long, 'running');
    const short = await schedule(gateway, 'sleep', { ms: 0 });
    await until(gateway, short, 'done');
    expect((await gateway.call('GET', `/v1/jobs/${long}`)).json.status).toBe('running');
    await until(gateway, long, 'done');
  });

  test('takes the address of a stranger from cf-connecting-ip', async () => {
    const gateway = await started({ settings: { RL_CAPACITY: '2', RL_WINDOW_MS: '60000' } });
    const from = async (address: string) =>
      (await gateway.call('GET', '/v1/jobs', undefined, { token: null, headers: { 'cf-connecting-ip': address } }))
        .status;
    expect([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.1')]).toEqual([401, 401, 429]);
    expect(await from('192.0.2.2')).toBe(401);
  });

  test('answers what no route takes, HEAD and the ticks as the emulator does', async () => {
    const gateway = await started();
    const expected: [string, string, number][] = [
      ['GET', '/v1/nothing', 404],
      ['PUT', '/v1/jobs', 405],
      ['GET', '/v1/jobs/report', 200],
      ['HEAD', '/v1/jobs', 200],
      ['GET', '/openapi.json', 200],
      ['GET', '/', 200],
      ['GET', '/v1/live', 200],
      ['POST', '/v1/ticks/nothing', 404],
      ['POST', '/v1/ticks/coordinate', 401],
    ];
    for (const [method, path, status] of expected) {
      const answer = await gateway.call(method, path);
      expect([method, path, answer.status]).toEqual([method, path, status]);
      expectContract(method, path, answer);
    }
    const ticked = await gateway.call('POST', '/v1/ticks/coordinate', undefined, {
      token: null,
      headers: { 'x-tick-secret': 'tick-secret' },
    });
    expect([ticked.status, ticked.json.reclaimed]).toEqual([200, 0]);
  });

  test('without its database, or with a bad setting, answers one clear problem and logs the cause', async () => {
    for (const options of [{ database: 'none' }, { settings: { LEASE_MS: 'soon' } }] as GatewayOptions[]) {
      const gateway = await started(options);
      const { status, json } = await gateway.call('GET', '/v1/jobs');
      expect([status, json.code]).toEqual([503, options.settings ? 'misconfigured' : 'database_unavailable']);
      expect(await gateway.cron()).toBe('exception');
      expect(gateway.console.map(({ message }) => message).join()).toContain('tick failed');
    }
  });
});
