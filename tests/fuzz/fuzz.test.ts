import { expect, test } from 'vitest';
import { endpoints, ticks } from '../../functions/index.ts';
import { campaign } from './campaign.ts';
import { operations } from './document.ts';

// A bounded run of `npm run fuzz`, whose requests are made from dist/openapi.json. A failure names its seed.

test('every operation of the document is one of a function, and every function is in it', () => {
  const documented = operations.map(({ method, path }) => `${method} ${path}`);
  const own = endpoints.map(({ method, path }) => `${method} ${path}`);
  expect(documented.sort()).toEqual([...own, `${ticks[0]?.method} /v1/ticks/{name}`].sort());
});

test('whatever is asked in this process, valid or not, is answered as the document says', async () => {
  const { answers, invalid, ticks: ran } = await campaign({ runs: 2500, seed: 1, within: 25_000 });
  // A run in which little succeeds, or little is refused, shows nothing.
  for (const status of [200, 201, 400, 401, 403, 404, 409, 422]) expect(answers[status]).toBeGreaterThan(0);
  expect(invalid).toBeGreaterThan(100);
  expect(ran).toBeGreaterThan(0);
});

test('whatever is asked over HTTP is answered as the document says', async () => {
  const { answers } = await campaign({ runs: 600, seed: 1001, http: true, within: 25_000 });
  for (const status of [200, 201, 400, 404, 422]) expect(answers[status]).toBeGreaterThan(0);
});

const answer = (status: number, body: object, type: string) => async () =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': type } });

const page = { items: [], next_cursor: null };
const limits = { 'ratelimit-policy': '"default";q=1;w=1', ratelimit: '"default";r=1;t=1' };

test.each([
  ['fails', answer(500, {}, 'application/problem+json'), 'it failed with 500'],
  ['answers a status of its own', answer(202, page, 'application/json'), 'no answer 202 in the document'],
  ['answers another type', answer(200, page, 'text/html'), 'content-type text/html is not in the document'],
  ['leaves headers out', answer(200, page, 'application/json'), 'header RateLimit is missing'],
  ['answers another shape', answer(200, { items: [] }, 'application/json'), "required property 'next_cursor'"],
  [
    'takes what is invalid',
    async () => Response.json(page, { headers: { ...limits, 'content-type': 'application/json' } }),
    'it was taken with 200, though',
  ],
])('a function that %s is found', async (_, fetch, complaint) => {
  const file = { name: 'list-jobs', file: '', method: 'GET', path: '/v1/jobs' };
  const functions = [{ ...file, fetch }] as unknown as Parameters<typeof campaign>[0]['functions'] & object;
  const run = campaign({ runs: 2000, seed: 1, operation: 'listJobs', functions, within: 20_000 });
  await expect(run).rejects.toThrow(complaint);
});
