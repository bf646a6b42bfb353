import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { root } from '../support/build.ts';
import { cleanUp, Server } from '../support/server.ts';

afterEach(cleanUp);

/** A request with headers that fetch would not send; its status and the code of its problem. */
function ask(url: string, method: string, path: string, headers: Record<string, string>): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { method, headers }, async (response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve([response.statusCode ?? 0, text ? JSON.parse(text).code : '']);
    });
    asked.on('error', reject).end();
  });
}

test('the powers are for programs on this machine and pages of the emulator, by whatever loopback name', async () => {
  const server = await Server.start({ script: 'dev', bare: true });
  const { port, host } = new URL(server.url);
  const state = '/__emulator/state';
  for (const name of [host, `localhost:${port}`, `[::1]:${port}`])
    expect(await ask(server.url, 'GET', state, { host: name })).toEqual([200, undefined]);
  expect((await ask(server.url, 'GET', state, { origin: server.url }))[0]).toBe(200);
  for (const headers of [
    { host: `rebound.example:${port}` },
    { host: `127.0.0.1.example:${port}` },
    { host: '127.0.0.1' },
    { host: `localhost:${Number(port) + 1}` },
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: `https://${host}` },
    { origin: `http://localhost:${port}` },
    { 'webhook-id': 'of-a-job' },
  ]) {
    expect(await ask(server.url, 'GET', state, headers as never), JSON.stringify(headers)).toEqual([403, 'forbidden']);
    expect(await ask(server.url, 'POST', '/__emulator/reset', headers as never)).toEqual([403, 'forbidden']);
  }
  expect(await ask(server.url, 'GET', '/__emulator/nothing', {})).toEqual([404, 'not_found']);
  // The API itself is not theirs to guard.
  expect((await ask(server.url, 'GET', '/healthz', { host: 'rebound.example' }))[0]).toBe(200);
});

test('where the API listens for other machines, too, the powers need the token of an admin', async () => {
  const server = await Server.start({ script: 'dev', bare: true, env: { HOST: '0.0.0.0' } });
  expect((await server.call('GET', '/__emulator/state', undefined, { token: null })).status).toBe(401);
  expect((await server.call('GET', '/__emulator/state')).status).toBe(200);
  const user = (await server.call('POST', '/v1/users', { name: 'ada', role: 'user' })).json;
  expect((await server.call('POST', '/__emulator/reset', undefined, { token: user.token })).status).toBe(403);
  const { json: bin } = await server.call('PUT', '/__emulator/bins/x', { status: 200 });
  const { id } = await server.schedule('webhook', { url: bin.url });
  expect((await server.until(id, ['done', 'failed', 'dlq'])).status).toBe('done');
});

test('npm start has none of it: its paths are as unknown as any', async () => {
  const server = await Server.start({ bare: true });
  for (const [method, path] of [
    ['GET', '/__emulator/state'],
    ['POST', '/__emulator/time'],
    ['GET', '/__emulator/bin/x'],
    ['POST', '/__emulator/reset'],
  ] as const) {
    for (const token of [null, undefined]) {
      const options = token === null ? { token } : {};
      const [answer, unknown] = [
        await server.call(method, path, undefined, options),
        await server.call(method, '/nothing', undefined, options),
      ];
      const ofRequest = { request_id: '' };
      expect({ ...answer.json, ...ofRequest }).toEqual({ ...unknown.json, ...ofRequest });
      expect(answer.status).toBe(token === null ? 401 : 404);
    }
  }
});

test('nothing that is deployed holds a word of it', () => {
  const files = ['functions', 'cloudflare', 'lambda'].flatMap((folder) =>
    readdirSync(join(root, 'dist', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.mjs'))
      .map((name) => join(root, 'dist', folder, name)),
  );
  expect(files.length).toBeGreaterThan(40);
  const words = /__emulator|frozen_at|skew_ms|smtp-server|mailparser|\/bins?\//;
  const named = files.filter((file) => words.test(readFileSync(file, 'utf8')));
  // The console asks whether there is an emulator, and has a page for what it answers: addresses, and nothing behind them.
  expect(named.filter((file) => !file.endsWith('/console.mjs'))).toEqual([]);
  const page = files.filter((file) => file.endsWith('/console.mjs')).map((file) => readFileSync(file, 'utf8'));
  const behind = /frozen_at|skew_ms|smtp-server|mailparser|createServer/;
  expect(page.filter((text) => behind.test(text))).toEqual([]);
  // The words are those that it is written in.
  expect(readFileSync(join(root, 'dist/workerd/dev.mjs'), 'utf8')).toMatch(words);
});
