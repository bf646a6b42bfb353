import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectionOf } from '../../docs/postman/generate.mjs';
import { root } from '../support/build.ts';
import { Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

interface Summary {
  run: {
    failures: { error: Error; source?: { name: string } }[];
    stats: { assertions: { total: number } };
    executions: { item: { name: string }; request: { method: string; url: { getPath(): string } } }[];
  };
}
type Newman = { run(options: object, done: (error: Error | null, summary: Summary) => void): void };

// newman comes without types.
const newman = createRequire(import.meta.url)('newman') as Newman;
const file = join(root, 'docs/escapement.postman_collection.json');
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const document = read(join(root, 'dist/openapi.json'));

let server: Server;
let summary: Summary;

const runCollection = (variables: Record<string, string>): Promise<Summary> =>
  new Promise((resolve, reject) => {
    const envVar = Object.entries(variables).map(([key, value]) => ({ key, value }));
    newman.run({ collection: read(file), envVar, reporters: [] }, (error, done) =>
      error ? reject(error) : resolve(done),
    );
  });

const failuresOf = ({ run }: Summary): string[] =>
  run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`);

beforeAll(async () => {
  server = await Server.start();
  summary = await runCollection({ baseUrl: server.url, token: ADMIN, tickSecret: 'tick-secret' });
});
afterAll(() => server.stop());

test('the Postman collection is what docs/postman/generate.mjs makes of the OpenAPI document', () => {
  expect(read(file)).toEqual(collectionOf(document));
});

test('the Postman collection runs in order against the running system without a failure', () => {
  expect(failuresOf(summary)).toEqual([]);
  // Status and shape of each answer at least, so that a collection without tests does not pass for a good one.
  expect(summary.run.stats.assertions.total).toBeGreaterThanOrEqual(2 * read(file).item.length);
});

test('the Postman collection called every method of every route', () => {
  const routes = Object.entries(document.paths as Record<string, object>)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    // A literal path goes before one with a parameter, as in the router.
    .sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')));
  const called = summary.run.executions.map(({ request: { method, url } }) =>
    routes.find((route) => new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(`${method} ${url.getPath()}`)),
  );
  expect([...new Set(called)].sort()).toEqual([...routes].sort());
});

test('the Postman collection fails where the token is wrong', async () => {
  const failures = failuresOf(await runCollection({ baseUrl: server.url, token: 'wrong', tickSecret: 'wrong' }));
  expect(failures).toContain('Create a user: expected response to have status code 201 but got 401');
  expect(failures.some((text) => text.startsWith('The service answers'))).toBe(false);
});
