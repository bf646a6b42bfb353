import { expect, test } from 'vitest';
import type { Env } from '../../core/context.ts';
import type { Routed } from '../../emulator/router.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import listJobs from '../../functions/list-jobs.ts';
import { ADMIN } from '../support/system.ts';
import { campaign } from './campaign.ts';
import { operations } from './document.ts';

// A bounded run of `npm run fuzz`, whose requests are made from dist/openapi.json. A failure names its seed.

test('every operation of the document is one of a function, and every function is in it', () => {
  const documented = operations.map(({ method, path }) => `${method} ${path}`);
  const own = endpoints.map(({ method, path }) => `${method} ${path}`);
  expect(documented.sort()).toEqual([...own, `${ticks[0]?.method} /v1/ticks/{name}`].sort());
});

test('whatever is asked in this process, valid or not, is answered as the document says', async () => {
  const { answers, invalid, ticks: ran } = await campaign({ runs: 1500, seed: 1 });
  // A run in which little succeeds, or little is refused, shows nothing.
  for (const status of [200, 201, 400, 401, 403, 404, 409, 422]) expect(answers[status]).toBeGreaterThan(0);
  expect(invalid).toBeGreaterThan(100);
  expect(ran).toBeGreaterThan(0);
});

test('whatever is asked over HTTP is answered as the document says', async () => {
  const { answers } = await campaign({ runs: 400, seed: 1001, http: true });
  for (const status of [200, 201, 400, 404, 422]) expect(answers[status]).toBeGreaterThan(0);
});

const answer = (status: number, body: object, type: string) => async () =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': type } });

const asAdmin = (request: Request) => new Request(request, { headers: { 'x-user-auth': ADMIN } });
const page = { items: [], next_cursor: null };
const headers = { 'x-request-id': 'a', 'ratelimit-policy': '"default";q=1;w=1', ratelimit: '"default";r=1;t=1' };

test.each([
  ['fails', answer(500, {}, 'application/problem+json'), 'it failed with 500'],
  ['answers a status of its own', answer(202, page, 'application/json'), 'no answer 202 in the document'],
  ['answers another type', answer(200, page, 'text/html'), 'content-type text/html is not in the document'],
  ['leaves headers out', answer(200, page, 'application/json'), 'header RateLimit is missing'],
  ['answers another shape', answer(200, { items: [] }, 'application/json'), "required property 'next_cursor'"],
  [
    'takes what is invalid',
    async () => Response.json(page, { headers: { ...headers, 'content-type': 'application/json' } }),
    'it was taken with 200, though',
  ],
  [
    'refuses, and writes',
    async (request: Request, env: Env) => {
      await env.DB.prepare("UPDATE users SET name = 'eve'").all();
      return listJobs.fetch(new Request(request, { headers: {} }), env);
    },
    'it was refused with 401, and wrote to the database',
  ],
  [
    'shows what belongs to others',
    async (request: Request, env: Env) => {
      const answer = await listJobs.fetch(request, env);
      // Without its filters, few of which leave anything of what little there is.
      return answer.ok ? listJobs.fetch(asAdmin(new Request(new URL('/v1/jobs', request.url))), env) : answer;
    },
    /(ada|bob) is shown what \S+ owns/,
  ],
  [
    'serves strangers',
    (request: Request, env: Env) =>
      listJobs.fetch(request.headers.get('x-user-auth') ? request : asAdmin(request), env),
    'nobody is served',
  ],
  ['never answers', () => new Promise<never>(() => {}), 'it was not answered'],
])('a function that %s is found', async (_, fetch, complaint) => {
  const planted = [{ name: 'list-jobs', file: '', method: 'GET', path: '/v1/jobs', fetch }] as unknown as Routed[];
  const run = campaign({ runs: 2000, seed: 1, operation: 'listJobs', planted, patience: 3000, shrinking: 1500 });
  await expect(run).rejects.toThrow(complaint);
});

test('a run whose time is up says so, and is no success', async () => {
  const { cut, requests } = await campaign({ runs: 1_000_000, seed: 1, operation: 'health', within: 1 });
  expect(cut).toBe(true);
  expect(requests).toBeLessThan(1_000_000);
});
