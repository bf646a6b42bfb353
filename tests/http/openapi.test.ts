import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { problems } from '../../core/http/problem.ts';
import { validate } from '../../core/validate.ts';
import type { Json } from '../../emulator/json-schema.ts';
import type { Manifest } from '../../emulator/manifest.ts';
import { openApiDocument } from '../../emulator/openapi.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { root } from '../support/build.ts';
import { type Call, contracted } from '../support/contract.ts';
import { cleanUp, Server, tempFolder } from '../support/server.ts';

const read = (path: string): Json => JSON.parse(readFileSync(join(root, 'dist', path), 'utf8'));
const document = read('openapi.json');
const operations = Object.entries(document.paths as Json).flatMap(([path, methods]) =>
  Object.entries(methods as Json).map(([method, operation]) => ({
    route: `${method.toUpperCase()} ${path}`,
    operation,
  })),
);

describe('The document', () => {
  let server: Server;
  let call: Call;
  beforeAll(async () => {
    server = await Server.start({ script: 'start:api' });
    call = contracted(server.call.bind(server));
  });
  afterAll(async () => {
    await server.stop();
    await cleanUp();
  });

  test('is served as it was built, to anyone, and is that of these functions', async () => {
    const { status, json } = await call('GET', '/openapi.json', undefined, { token: null });
    expect(status).toBe(200);
    expect(json).toEqual(document);
    expect(document).toEqual(openApiDocument(endpoints, ticks));
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: read('manifest.json').version } });
  });

  test('has every route there is and no other', () => {
    const routes = endpoints.map(({ method, path }) => `${method} ${path}`);
    expect(operations.map(({ route }) => route).sort()).toEqual([...routes, 'POST /v1/ticks/{name}'].sort());
    const [named] = document.paths['/v1/ticks/{name}'].post.parameters;
    expect(named.schema.enum).toEqual(ticks.map(({ name }) => name));
  });

  test('says which key opens a route, and gives each its own id and a tag that is explained', () => {
    const tags = document.tags.map(({ name }: Json) => name);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { route, operation } of operations) {
      const open = ['GET /', 'GET /healthz', 'GET /openapi.json'].includes(route);
      const scheme = route.includes('ticks') ? 'tickSecret' : 'userToken';
      expect(operation.security).toEqual(open ? [] : [{ [scheme]: [] }]);
      expect(Object.keys(document.components.securitySchemes)).toContain(scheme);
      for (const tag of operation.tags) expect(tags).toContain(tag);
      const placed = (operation.parameters ?? []).filter((one: Json) => one.in === 'path').map((one: Json) => one.name);
      expect(placed).toEqual([...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    }
  });

  test('shows the rate-limit headers on each answer of each limited route, and Retry-After where one may try again', () => {
    for (const { route, operation } of operations) {
      for (const [status, { headers }] of Object.entries(operation.responses as Json)) {
        const limited = route !== 'GET /healthz' && !(route.includes('ticks') && status === '200');
        expect({ route, status, limited: 'RateLimit' in (headers ?? {}) }).toEqual({ route, status, limited });
        if (['429', '503'].includes(status)) expect(headers).toHaveProperty('Retry-After');
      }
    }
  });

  test('lists every problem code there is, but those of broken HTTP, at some route under its status', () => {
    const seen = new Map<string, string>();
    for (const { operation } of operations)
      for (const [status, { content }] of Object.entries(operation.responses as Json))
        for (const code of Object.keys(content['application/problem+json']?.examples ?? {})) seen.set(code, status);
    const beforeRouting = ['malformed_request', 'headers_too_large', 'request_timeout', 'method_not_allowed'];
    const expected = Object.entries(problems).filter(([code]) => !beforeRouting.includes(code));
    expect(Object.fromEntries(seen)).toEqual(
      Object.fromEntries(expected.map(([code, [status]]) => [code, `${status}`])),
    );
  });

  test('has examples that fit its own schemas, and would notice one that does not', () => {
    let checked = 0;
    for (const { route, operation } of operations) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses as Json)].filter(Boolean) as Json[];
      for (const { content } of bodies) {
        for (const { schema, example, examples = {} } of Object.values(content as Json)) {
          const given = [example, ...Object.values(examples as Json).map(({ value }) => value)].filter(Boolean);
          expect(given.length).toBeGreaterThan(0);
          const parsed = asZod(schema);
          for (const one of given) expect({ route, ...parsed.safeParse(one) }).toMatchObject({ route, success: true });
          checked += given.length;
        }
      }
    }
    expect(checked).toBeGreaterThan(operations.length * 3);
    const job = document.paths['/v1/jobs/{id}'].get.responses[200].content['application/json'];
    for (const wrong of [{ status: 'asleep' }, { priority: 0.5 }, { colour: 'red' }, { id: 1 }])
      expect(asZod(job.schema).safeParse({ ...job.example, ...wrong }).success).toBe(false);
  });

  test('has examples that the functions themselves would take and give', () => {
    for (const { name, body, bodyExample, responses } of endpoints) {
      if (body) expect({ name, ...validate(body, bodyExample) }).toMatchObject({ name, value: bodyExample });
      for (const { schema, example } of Object.values(responses))
        expect({ name, ...validate(schema, example) }).toEqual({ name, value: example });
    }
  });
});

function asZod(schema: Json): z.ZodType {
  const inline = (part: unknown) => JSON.parse(JSON.stringify(part).replaceAll('#/components/schemas/', '#/$defs/'));
  return z.fromJSONSchema({ ...inline(schema), $defs: inline(document.components.schemas) });
}

describe('The manifest', () => {
  afterAll(cleanUp);
  const { functions, version } = read('manifest.json') as Manifest;

  test('lists every function with its route, and every tick with its cron', () => {
    expect(version).toBe(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
    const listed = functions.map(({ name, kind, method, path }) => ({ name, kind, method, path }));
    const expected = [
      ...endpoints.map(({ name, method, path }) => ({ name, kind: 'endpoint', method, path })),
      ...ticks.map(({ name, method, path }) => ({ name, kind: 'tick', method, path })),
    ];
    expect(listed).toEqual(expected);
    for (const { kind, cron, cron_setting } of functions)
      expect([cron, cron_setting]).toEqual(
        kind === 'tick'
          ? [expect.stringMatching(/^(\S+ ){4,5}\S+$/), expect.stringMatching(/^[A-Z_]+_CRON$/)]
          : [undefined, undefined],
      );
  });

  test('names files that are there, and that plain Node loads on their own, far from any package', () => {
    const folder = tempFolder();
    cpSync(join(root, 'dist/functions'), join(folder, 'functions'), { recursive: true });
    for (const { file } of functions) expect(existsSync(join(folder, file))).toBe(true);
    const urls = functions.map(({ file }) => pathToFileURL(join(folder, file)).href);
    const script = `for (const url of ${JSON.stringify(urls)}) {
      const module = await import(url);
      console.log(JSON.stringify([Object.keys(module), typeof module.default.fetch, typeof module.default.scheduled]));
    }`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
    });
    const loaded = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(loaded).toEqual(
      functions.map(({ kind }) => [['default'], 'function', kind === 'tick' ? 'function' : 'undefined']),
    );
  });
});
