import { type Access, admit, type Caller } from '../access/admit.ts';
import { onOneClock } from '../clock.ts';
import { type Context, consoleLog, contextOf, type Env, type Invocation } from '../context.ts';
import { requestIdOf } from '../ids.ts';
import { causeOf } from '../storage-fault.ts';
import { type Output, type Schema, summaryOf, validate } from '../validate.ts';
import { commonHeaders } from './headers.ts';
import { readJson, refuseBody } from './json.ts';
import { asProblem, Problem, type ProblemCode } from './problem.ts';
import { matcherOf } from './route.ts';

/**
 * A successful answer: what it means, the schema of its body, an example, and headers beside the common ones. Where
 * `media` says that it is not one JSON value, the handler gives the body as it goes out.
 */
export interface ResponseSpec {
  description: string;
  schema: Schema;
  example: unknown;
  media?: string;
  headers?: Record<string, string>;
}

export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

type Parsed<S> = S extends Schema ? Output<S> : undefined;

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

type Maybe = Schema | undefined;
// biome-ignore lint/suspicious/noExplicitAny: lists of endpoints hold endpoints of every input
export type Endpoint = EndpointSpec<any, any, any, any> & {
  fetch(request: Request, env: Env, invocation?: Invocation): Promise<Response>;
};

/** Makes a description a function that a serverless platform can run: the description plus `fetch`. */
export function endpoint<
  Params extends Maybe = undefined,
  Query extends Maybe = undefined,
  Headers extends Maybe = undefined,
  Body extends Maybe = undefined,
>(spec: EndpointSpec<Params, Query, Headers, Body>): Endpoint {
  const match = matcherOf(spec.path);
  return {
    ...spec,
    async fetch(request, env, invocation) {
      const requestId = requestIdOf(env, invocation);
      let headers: Record<string, string> = {};
      try {
        const ctx = await onOneClock(contextOf(env, invocation));
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
        const media = spec.responses[reply.status]?.media;
        return new Response(media ? (reply.body as string | ReadableStream) : JSON.stringify(reply.body), {
          status: reply.status,
          headers: {
            'content-type': media ?? 'application/json',
            ...commonHeaders(requestId),
            ...headers,
            ...reply.headers,
          },
        });
      } catch (error) {
        return answerProblem(error, env, requestId, headers);
      }
    },
  };
}

/** The Response for what went wrong; a fault of ours is logged with its cause, which the client never sees. */
export function answerProblem(
  error: unknown,
  env: Env,
  requestId: string,
  headers: Record<string, string> = {},
): Response {
  const problem = asProblem(error);
  if (problem.status >= 500) {
    const cause = causeOf(error);
    (env.LOG ?? consoleLog)('error', problem.message, { request_id: requestId, code: problem.code, cause });
  }
  return problem.toResponse(requestId, headers);
}

function check(schema: Schema | undefined, value: unknown, code: ProblemCode): unknown {
  if (!schema) return undefined;
  const checked = validate(schema, value);
  if ('value' in checked) return checked.value;
  throw new Problem(code, summaryOf(checked.errors), { errors: checked.errors });
}

function refuseQuery(url: URL): undefined {
  for (const [name] of url.searchParams) throw refusedParameter(name, 'this route takes no query parameters');
}

const refusedParameter = (name: string, message: string): Problem =>
  new Problem('bad_parameter', `${name}: ${message}`.slice(0, 1000), {
    errors: [{ path: `/${name.slice(0, 100)}`, message }],
  });

function uniqueQuery(url: URL): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(query, name)) throw refusedParameter(name, 'given twice');
    Object.defineProperty(query, name, { value, enumerable: true });
  }
  return query;
}
