import type * as z from 'zod';
import { type Access, admit, type Caller } from '../access/admit.ts';
import { type Context, contextOf, type Env, type Invocation } from '../context.ts';
import { readJson, refuseBody } from './json.ts';
import { asProblem, type FieldError, Problem, type ProblemCode } from './problem.ts';
import { matcherOf } from './route.ts';

/** A successful answer: what it means, the schema of its body, an example, and headers beside the common ones. */
export interface ResponseSpec {
  description: string;
  schema: z.ZodType;
  example: unknown;
  headers?: Record<string, string>;
}

export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

export interface EndpointInput<Params, Query, Headers, Body> {
  params: Parsed<Params>;
  query: Parsed<Query>;
  headers: Parsed<Headers>;
  body: Parsed<Body>;
  caller: Caller;
}

/** An endpoint as its file describes it. Leave `limited` out but for probes that must not be turned away. */
export interface EndpointSpec<Params, Query, Headers, Body> {
  method: 'GET' | 'POST';
  path: string;
  name: string;
  summary: string;
  description?: string;
  access: Access;
  limited?: false;
  params?: Params;
  query?: Query;
  headers?: Headers;
  body?: Body;
  bodyExample?: unknown;
  responses: Record<number, ResponseSpec>;
  problems?: ProblemCode[];
  handle(input: EndpointInput<Params, Query, Headers, Body>, ctx: Context): Promise<Reply>;
}

type Schema = z.ZodType | undefined;
// biome-ignore lint/suspicious/noExplicitAny: lists of endpoints hold endpoints of every input
export type Endpoint = EndpointSpec<any, any, any, any> & {
  fetch(request: Request, env: Env, invocation?: Invocation): Promise<Response>;
};

/** Makes a description a function that a serverless platform can run: the description plus `fetch`. */
export function endpoint<
  Params extends Schema = undefined,
  Query extends Schema = undefined,
  Headers extends Schema = undefined,
  Body extends Schema = undefined,
>(spec: EndpointSpec<Params, Query, Headers, Body>): Endpoint {
  const match = matcherOf(spec.path);
  return {
    ...spec,
    async fetch(request, env, invocation) {
      let headers: Record<string, string> = {};
      try {
        const ctx = contextOf(env, invocation);
        const admission = spec.limited === false ? { headers } : await admit(ctx, request, spec.access);
        headers = admission.headers;
        const url = new URL(request.url);
        const reply = await spec.handle(
          {
            params: check(spec.params, match(url.pathname), 'bad_parameter'),
            query: spec.query ? check(spec.query, uniqueQuery(url), 'bad_parameter') : refuseQuery(url),
            headers: check(spec.headers, spec.headers && Object.fromEntries(request.headers), 'bad_parameter'),
            body: spec.body ? check(spec.body, await readJson(request), 'invalid_body') : await refuseBody(request),
            caller: admission.caller,
          } as EndpointInput<Params, Query, Headers, Body>,
          ctx,
        );
        return new Response(JSON.stringify(reply.body), {
          status: reply.status,
          headers: { 'content-type': 'application/json', ...headers, ...reply.headers },
        });
      } catch (error) {
        return answerProblem(error, env, headers);
      }
    },
  };
}

/** The Response for what went wrong; a fault of ours is logged with its cause, which the client never sees. */
export function answerProblem(error: unknown, env: Env, headers: Record<string, string> = {}): Response {
  const problem = asProblem(error);
  if (problem.status >= 500)
    env.LOG?.('error', problem.message, { code: problem.code, cause: String((error as Error)?.stack ?? error) });
  return problem.toResponse(headers);
}

function check(schema: z.ZodType | undefined, value: unknown, code: ProblemCode): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = fieldErrors(result.error.issues);
  throw new Problem(code, summaryOf(errors), { errors });
}

/** Field errors as one line of at most 1,000 characters. */
export const summaryOf = (errors: readonly FieldError[]): string =>
  errors
    .map(({ path, message }) => (path ? `${path}: ${message}` : message))
    .join('; ')
    .slice(0, 1000);

function refuseQuery(url: URL): undefined {
  for (const [name] of url.searchParams) throw refusedParameter(name, 'this route takes no query parameters');
}

const refusedParameter = (name: string, message: string): Problem =>
  new Problem('bad_parameter', `${name}: ${message}`.slice(0, 1000), {
    errors: [{ path: `/${name.slice(0, 100)}`, message }],
  });

/** The issues of a schema as paths of the form `/jobs/3/payload/ms`; at most 20. */
export const fieldErrors = (issues: readonly { path: PropertyKey[]; message: string }[], under = ''): FieldError[] =>
  issues.slice(0, 20).map(({ path, message }) => ({ path: [under, ...path.map(String)].join('/'), message }));

function uniqueQuery(url: URL): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(query, name)) throw refusedParameter(name, 'given twice');
    Object.defineProperty(query, name, { value, enumerable: true });
  }
  return query;
}
