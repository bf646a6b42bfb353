import { expect } from 'vitest';
import { type ProblemCode, problems } from '../../core/http/problem.ts';
import { matcherOf } from '../../core/http/route.ts';
import { validate } from '../../core/validate.ts';
import type { Loaded } from '../../emulator/functions.ts';
import { openApiDocument } from '../../emulator/openapi.ts';
import { makeRouter } from '../../emulator/router.ts';
import { endpoints, ticks } from '../../functions/index.ts';
import { ADMIN, type Answer, readBody, type System } from './system.ts';

export interface CallOptions {
  token?: string | null;
  headers?: Record<string, string>;
  /** The address the request seems to come from. */
  client?: string;
}

/** Calls the system and gives the answer, which was held against the contract of its route. */
export type Call = (method: string, path: string, body?: unknown, options?: CallOptions) => Promise<Answer>;

/** Calls functions in this process through the emulator's router, as a request over the wire would reach them. */
export function routed(system: System, env = system.env): Call {
  const functions = [...endpoints, ...ticks] as unknown as Loaded[];
  const router = makeRouter(functions, env);
  return contracted(async (method, path, body, { token = ADMIN, headers = {}, client = '127.0.0.1' } = {}) => {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
    const init = {
      method,
      headers: {
        ...(token && { 'x-user-auth': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: (raw ? body : JSON.stringify(body)) as BodyInit, duplex: 'half' }),
    };
    const bindings = { incoming: { socket: { remoteAddress: client } } };
    const response = await router.fetch(new Request(`http://test${path}`, init), bindings as never);
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: readBody(response.headers, text) };
  });
}

/** Holds every answer of `call` against the contract. */
export const contracted =
  (call: Call): Call =>
  async (method, path, body, options) => {
    const answer = await call(method, path, body, options);
    expectContract(method, path, answer);
    return answer;
  };

type Documented = { responses: Record<string, { content: Record<string, { examples: object }> }> };
const document = openApiDocument(endpoints, ticks) as { paths: Record<string, Record<string, Documented>> };

/** The route that takes this request: a literal path goes before a pattern. */
export function routeOf(method: string, path: string) {
  const { pathname } = new URL(`http://test${path}`);
  return [...endpoints, ...ticks]
    .sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')))
    .find((route) => route.method === method && matcherOf(route.path)(pathname));
}

/**
 * Expects that an answer is one its route declares: the status and the problem's code stand in the OpenAPI
 * document, the body fits the schema and holds nothing that is not in it, and the common headers are there.
 */
export function expectContract(method: string, path: string, answer: Answer): void {
  const route = routeOf(method === 'HEAD' ? 'GET' : method, path);
  const isTick = route !== undefined && 'scheduled' in route;
  const operation = route && document.paths[isTick ? '/v1/ticks/{name}' : route.path]?.[route.method.toLowerCase()];
  const where = `${method} ${path.slice(0, 200)} answered ${answer.status} ${JSON.stringify(answer.json)?.slice(0, 300)}`;
  if (operation) expect(Object.keys(operation.responses), where).toContain(String(answer.status));
  else expect([400, 401, 404, 405, 429, 503, 507], where).toContain(answer.status);
  // Who knows the tick secret is not limited.
  expectGuarded(answer, where);
  const unlimited = route?.name === 'health' || (path.startsWith('/v1/ticks/') && [200, 404].includes(answer.status));
  if (!unlimited && answer.status < 500) {
    expect(answer.headers.get('ratelimit-policy'), where).toMatch(/^"default";q=\d+;w=\d+$/);
    expect(answer.headers.get('ratelimit'), where).toMatch(/^"default";r=\d+;t=\d+$/);
  }
  if (method === 'HEAD') {
    expect(answer.json, where).toBe('');
    return;
  }
  if (answer.status >= 400) {
    expectProblem(answer, where);
    const examples = operation?.responses[answer.status]?.content['application/problem+json']?.examples;
    if (examples) expect(Object.keys(examples), where).toContain(answer.json.code);
    return;
  }
  const declared = route && 'responses' in route ? route.responses[answer.status] : undefined;
  expect(answer.headers.get('content-type'), where).toBe(declared?.media ?? 'application/json');
  if (route && 'responses' in route) {
    const schema = declared?.schema;
    expect(schema && validate(schema, answer.json), where).toEqual({ value: answer.json });
  }
}

/** Expects the headers that every answer carries, and none that says what software gave it. */
export function expectGuarded({ headers }: Pick<Answer, 'headers'>, where = ''): void {
  expect(headers.get('x-request-id'), where).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(headers.get('x-content-type-options'), where).toBe('nosniff');
  expect(headers.get('cache-control'), where).toBe('no-store');
  for (const name of ['server', 'x-powered-by', 'via']) expect(headers.has(name), where).toBe(false);
}

const MAX_PROBLEM_CHARACTERS = 20_000;

/** Expects a problem as RFC 9457 and the design want it: bounded, stable, and silent about what is inside. */
export function expectProblem({ status, headers, json }: Answer, where = ''): void {
  expect(headers.get('content-type'), where).toBe('application/problem+json');
  const { code } = json as { code: ProblemCode };
  expect(Object.keys(problems), where).toContain(code);
  const [known, title] = problems[code];
  expect({ status: json.status, title: json.title, type: json.type }, where).toEqual({
    ...{ status: known, title, type: `urn:escapement:problem:${code}` },
  });
  expect(json.status, where).toBe(status);
  expect(json.detail, where).toEqual(expect.stringMatching(/./));
  const members = ['type', 'title', 'status', 'detail', 'code', 'request_id', 'errors'];
  for (const key of Object.keys(json)) expect(members).toContain(key);
  expect(json.request_id, where).toBe(headers.get('x-request-id'));
  for (const error of json.errors ?? []) {
    expect(error, where).toEqual({ path: expect.any(String), message: expect.any(String) });
  }
  const text = JSON.stringify(json);
  expect(text.length, where).toBeLessThan(MAX_PROBLEM_CHARACTERS);
  expect(text, where).not.toMatch(
    /\b(SELECT|INSERT|UPDATE|DELETE) |SQLITE|D1_|\bat \S+ ?\(|\.[cm]?[jt]s:\d|node_modules/,
  );
}

/** A problem but for the id of its request: what two equal answers have in common. */
export const withoutId = ({ request_id: _, ...problem }: Answer['json']): object => problem;

/** How many rows `jobs` and `logs` hold: what a refused request must leave as it was. */
export const rowCounts = (db: System['db']): unknown =>
  db.prepare('SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM logs) AS logs').get();
