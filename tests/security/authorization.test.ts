import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { matcherOf } from '../../core/http/route.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { root } from '../support/build.ts';
import { contentsOf } from '../support/contents.ts';
import { type Call, contracted, withoutId } from '../support/contract.ts';
import { cleanUp, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

// The route table of the design, as answers: to the job's owner, to another user and to an admin.
// Whoever has no valid token gets 401, but where `anyone` may ask.
const matrix: Record<string, { owner: number; other: number; admin: number; anyone?: true; body?: object }> = {
  'POST /v1/jobs': { owner: 201, other: 201, admin: 201, body: { task_type: 'sleep', payload: { ms: 0 } } },
  'POST /v1/jobs/batch': {
    ...{ owner: 201, other: 201, admin: 201 },
    body: { jobs: [{ task_type: 'sleep', payload: { ms: 0 } }] },
  },
  'GET /v1/jobs': { owner: 200, other: 200, admin: 200 },
  'GET /v1/jobs/report': { owner: 200, other: 200, admin: 200 },
  'GET /v1/jobs/{id}': { owner: 200, other: 404, admin: 200 },
  'POST /v1/jobs/{id}/cancel': { owner: 200, other: 404, admin: 200 },
  'POST /v1/jobs/{id}/redrive': { owner: 200, other: 404, admin: 200, body: { reason: 'mended' } },
  'POST /v1/dlq/redrive': { owner: 403, other: 403, admin: 200, body: { reason: 'mended', task_type: 'none' } },
  'GET /v1/logs': { owner: 200, other: 200, admin: 200 },
  'POST /v1/users': { owner: 403, other: 403, admin: 201, body: { name: 'eve', role: 'user' } },
  'GET /v1/users': { owner: 403, other: 403, admin: 200 },
  'POST /v1/users/{id}/disable': { owner: 403, other: 403, admin: 200 },
  'POST /v1/users/{id}/rotate': { owner: 403, other: 403, admin: 200 },
  'GET /healthz': { owner: 200, other: 200, admin: 200, anyone: true },
  'GET /openapi.json': { owner: 200, other: 200, admin: 200, anyone: true },
  'GET /v1/dumps': { owner: 403, other: 403, admin: 200 },
  'GET /v1/live': { owner: 200, other: 200, admin: 200 },
  'GET /v1/tasks': { owner: 200, other: 200, admin: 200 },
  'GET /': { owner: 200, other: 200, admin: 200, anyone: true },
  // A user's token opens no tick; ticks.test.ts has the secret.
  'POST /v1/ticks/process-batch': { owner: 401, other: 401, admin: 401 },
  'POST /v1/ticks/coordinate': { owner: 401, other: 401, admin: 401 },
};

const routes = [...endpoints, ...ticks];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const strangers = ['nobody', 'malformed', 'unknown', 'disabled', 'ticker'] as const;
const known = ['owner', 'other', 'admin', 'bootstrap'] as const;
type Who = (typeof strangers)[number] | (typeof known)[number];

let server: Server;
let call: Call;
let db: Sqlite.Database;
const tokens = {
  nobody: null,
  malformed: 'not a token; not one',
  unknown: crypto.randomUUID(),
  // The tick secret opens ticks, and is nobody's token.
  ticker: 'tick-secret',
  bootstrap: ADMIN,
} as Record<Who, string | null>;

beforeAll(async () => {
  server = await Server.start({ script: 'start:api', env: { MAX_DLQ_REDRIVES: '0' } });
  call = contracted(server.call.bind(server));
  db = new Sqlite(server.file, { readonly: true });
  for (const who of ['owner', 'other', 'disabled', 'admin'] as const) {
    const { json } = await call('POST', '/v1/users', { name: who, role: who === 'admin' ? 'admin' : 'user' });
    tokens[who] = json.token;
    if (who === 'disabled') await call('POST', `/v1/users/${json.id}/disable`);
  }
});
afterAll(async () => {
  db.close();
  await server.stop();
  await cleanUp();
});

/** A path of the route with the id of something fresh that belongs to the owner. */
async function pathOf(pattern: string): Promise<string> {
  if (!pattern.includes('{id}')) return pattern;
  if (pattern.startsWith('/v1/users'))
    return pattern.replace('{id}', (await call('POST', '/v1/users', { name: 'fay', role: 'user' })).json.id);
  const mail = { to: 'a@example.com', subject: 's', text: 't' };
  const job = pattern.endsWith('redrive')
    ? { task_type: 'sendEmail', payload: mail }
    : { task_type: 'sleep', payload: { ms: 1 }, delay_ms: 3_600_000 };
  const { json } = await call('POST', '/v1/jobs', job, { token: tokens.owner });
  // Without a mail server a mail fails for good, and is buried at the next look.
  if (pattern.endsWith('redrive')) for (const name of ['process-batch', 'coordinate']) await runTick(name);
  return pattern.replace('{id}', json.id);
}

const runTick = (name: string) =>
  call('POST', `/v1/ticks/${name}`, undefined, { token: null, headers: { 'x-tick-secret': 'tick-secret' } });

test('the table of this test names every route there is, and no other: of the list of functions and of the manifest', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'dist/manifest.json'), 'utf8')) as { functions: typeof routes };
  for (const list of [routes, manifest.functions])
    expect(Object.keys(matrix).sort()).toEqual(list.map(({ method, path }) => `${method} ${path}`).sort());
});

test.each(Object.entries(matrix))('%s answers each caller as the design says', async (route, row) => {
  const [method = '', pattern = ''] = route.split(' ');
  for (const who of [...strangers, ...known]) {
    const stranger = (strangers as readonly string[]).includes(who);
    const path = await pathOf(pattern);
    const before = contentsOf(db);
    const answer = await call(method, path, row.body, { token: tokens[who] });
    const expected = stranger ? (row.anyone ? 200 : 401) : row[who === 'bootstrap' ? 'admin' : (who as 'owner')];
    expect({ who, status: answer.status }).toEqual({ who, status: expected });
    if (expected >= 400) expect(contentsOf(db)).toEqual(before);
    if (method !== 'GET') continue;
    expect({ who, head: (await call('HEAD', path, undefined, { token: tokens[who] })).status }).toEqual({
      ...{ who, head: expected },
    });
  }
});

test('ticks are opened by their secret in its own header, and by nothing else', async () => {
  for (const name of ['process-batch', 'coordinate']) {
    const ask = async (token: string | null, headers: Record<string, string>) =>
      (await call('POST', `/v1/ticks/${name}`, undefined, { token, headers })).status;
    expect(await ask(null, { 'x-tick-secret': 'tick-secret' })).toBe(200);
    expect(await ask(tokens.disabled, { 'x-tick-secret': 'tick-secret' })).toBe(200);
    const before = contentsOf(db);
    for (const wrong of ['', 'tick-secre', 'tick-secret2', 'TICK-SECRET', ADMIN, tokens.admin as string]) {
      expect(await ask(null, { 'x-tick-secret': wrong })).toBe(401);
      expect(await ask(ADMIN, { 'x-tick-secret': wrong })).toBe(401);
    }
    expect(await ask('tick-secret', {})).toBe(401);
    expect(contentsOf(db)).toEqual(before);
  }
});

test('the tick secret opens no route but ticks, in whichever header', async () => {
  for (const route of Object.keys(matrix).filter((one) => !one.includes('ticks') && !matrix[one]?.anyone)) {
    const [method = '', pattern = ''] = route.split(' ');
    const before = contentsOf(db);
    const options = { token: null, headers: { 'x-tick-secret': 'tick-secret' } };
    const answer = await call(method, pattern.replace('{id}', 'none'), matrix[route]?.body, options);
    expect({ route, status: answer.status }).toEqual({ route, status: 401 });
    expect(contentsOf(db)).toEqual(before);
  }
});

test('missing, malformed, unknown and disabled tokens get one and the same answer', async () => {
  const answers = await Promise.all(strangers.map((who) => call('GET', '/v1/jobs', undefined, { token: tokens[who] })));
  const [first] = answers;
  expect(first?.json).toMatchObject({ status: 401, code: 'unauthorized' });
  for (const { json } of answers) expect(withoutId(json)).toEqual(withoutId(first?.json));
});

test.each([...new Set(routes.map(({ path }) => path))])(
  '%s refuses every method it does not have: 405 with Allow, or 401 to strangers',
  async (pattern) => {
    const path = await pathOf(pattern);
    // By the way it is matched: /v1/jobs/batch may be read as a job's path, too.
    const mine = methods.filter((method) => routes.some((one) => one.method === method && matcherOf(one.path)(path)));
    const allowed = mine.includes('GET') ? [...mine, 'HEAD'] : mine;
    const before = contentsOf(db);
    for (const method of methods.filter((name) => !allowed.includes(name))) {
      for (const who of [...strangers, ...known]) {
        const answer = await call(method, path, undefined, { token: tokens[who] });
        const isKnown = (known as readonly string[]).includes(who);
        expect({ method, who, status: answer.status }).toEqual({ method, who, status: isKnown ? 405 : 401 });
        const allow = answer.headers.get('allow')?.split(', ').sort() ?? null;
        expect({ method, who, allow }).toEqual({ method, who, allow: isKnown ? [...allowed].sort() : null });
        if (isKnown && method !== 'HEAD') expect(answer.json.code).toBe('method_not_allowed');
      }
    }
    expect(contentsOf(db)).toEqual(before);
  },
);

test.each(['/v1', '/v2/jobs', '/v1/jobs/', '/v1/jobs//cancel', '/v1/users/', '/V1/jobs', '//v1/jobs', '/healthz/x'])(
  'the path %s is nothing: 404 whatever the method, 401 to strangers',
  async (path) => {
    for (const method of methods) {
      const answer = await call(method, path);
      expect({ method, status: answer.status }).toEqual({ method, status: 404 });
      if (method !== 'HEAD') expect(answer.json.code).toBe('not_found');
      expect((await call(method, path, undefined, { token: null })).status).toBe(401);
    }
  },
);
