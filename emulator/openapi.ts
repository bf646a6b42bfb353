import {
  OpenAPIRegistry,
  OpenApiGeneratorV31,
  type ResponseConfig,
  type RouteConfig,
} from '@asteasolutions/zod-to-openapi';
import * as z from 'zod';
import type { Endpoint, ResponseSpec } from '../core/http/endpoint.ts';
import { type ProblemCode, problems } from '../core/http/problem.ts';
import type { Tick } from '../core/http/tick.ts';
import { version } from '../core/version.ts';

const problemSchema = z
  .object({
    type: z.string().meta({ example: 'urn:escapement:problem:not_found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z
      .enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]])
      .meta({ description: 'Stable; programs may rely on it' }),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

const text = (description: string, example?: string) => ({
  description,
  schema: { type: 'string' as const },
  ...(example && { example }),
});
const limitHeaders = {
  'RateLimit-Policy': text('The quota (q) and its window in seconds (w)', '"default";q=60;w=60'),
  RateLimit: text('Requests left (r) and seconds until the bucket is full (t)', '"default";r=59;t=1'),
};

const tags: Record<string, string> = {
  Jobs: 'Schedule jobs and follow them',
  'Dead-letter queue': 'Jobs that failed for good, and their second chance',
  Logs: 'What happened, transition by transition',
  Users: 'Who may use the system; for admins',
  Operation: 'Health, ticks and this document',
};

/** The OpenAPI 3.1 document of these functions. */
export function openApiDocument(endpoints: readonly Endpoint[], ticks: readonly Tick[]): object {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'userToken', {
    type: 'apiKey',
    in: 'header',
    name: 'x-user-auth',
    description: 'The token of a user',
  });
  registry.registerComponent('securitySchemes', 'tickSecret', {
    type: 'apiKey',
    in: 'header',
    name: 'x-tick-secret',
    description: 'TICK_SECRET',
  });
  for (const endpoint of endpoints) registry.registerPath(operationOf(endpoint));
  registry.registerPath(tickOperation(ticks));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Escapement',
      version,
      description:
        'A job orchestration system: schedule jobs, see them run, retry, reach the dead-letter queue and be redriven.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'Where this document came from' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
  });
}

const operationId = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function tagOf(path: string): string {
  if (path.startsWith('/v1/jobs')) return 'Jobs';
  if (path.startsWith('/v1/dlq')) return 'Dead-letter queue';
  if (path.startsWith('/v1/logs')) return 'Logs';
  return path.startsWith('/v1/users') ? 'Users' : 'Operation';
}

function operationOf(endpoint: Endpoint): RouteConfig {
  const limited = endpoint.limited !== false;
  const common = limited ? limitHeaders : {};
  return {
    method: endpoint.method.toLowerCase() as 'get' | 'post',
    path: endpoint.path,
    operationId: operationId(endpoint.name),
    summary: endpoint.summary,
    ...(endpoint.description && { description: endpoint.description }),
    tags: [tagOf(endpoint.path)],
    security: endpoint.access === 'anyone' ? [] : [{ userToken: [] }],
    request: {
      ...(endpoint.params && { params: endpoint.params }),
      ...(endpoint.query && { query: endpoint.query }),
      ...(endpoint.headers && { headers: endpoint.headers }),
      ...(endpoint.body && {
        body: {
          required: true,
          content: { 'application/json': { schema: endpoint.body, example: endpoint.bodyExample } },
        },
      }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(endpoint.responses).map(([status, spec]) => [status, success(spec, common)]),
      ),
      ...problemResponses(problemsOf(endpoint, limited), common),
    },
  };
}

const success = ({ description, schema, example, headers = {} }: ResponseSpec, common: object): ResponseConfig => ({
  description,
  headers: {
    ...common,
    ...Object.fromEntries(Object.entries(headers).map(([name, meaning]) => [name, text(meaning)])),
  },
  content: { 'application/json': { schema, example } },
});

/** Every problem an endpoint can answer: those it names, and those that follow from what it takes. */
function problemsOf(endpoint: Endpoint, limited: boolean): ProblemCode[] {
  const codes: ProblemCode[] = [
    'bad_parameter',
    'internal',
    'misconfigured',
    'database_busy',
    'database_unavailable',
    ...(endpoint.problems ?? []),
  ];
  if (limited) codes.push('rate_limited');
  if (endpoint.access !== 'anyone') codes.push('unauthorized');
  if (endpoint.access === 'admin') codes.push('forbidden');
  if (endpoint.body)
    codes.push('malformed_json', 'ill_formed_value', 'body_too_large', 'unsupported_media_type', 'invalid_body');
  else if (endpoint.method === 'POST') codes.push('invalid_body', 'body_too_large');
  return codes;
}

function problemResponses(codes: readonly ProblemCode[], common: object): Record<string, ResponseConfig> {
  const responses: Record<string, ResponseConfig> = {};
  for (const status of [...new Set(codes.map((code) => problems[code][0]))].sort()) {
    const here = codes.filter((code) => problems[code][0] === status);
    const example = (code: ProblemCode) => ({
      type: `urn:escapement:problem:${code}`,
      title: problems[code][1],
      status,
      detail: `${problems[code][1]}.`,
      code,
    });
    const retry = status === 429 || status === 503 ? { 'Retry-After': text('Seconds to wait', '1') } : {};
    responses[status] = {
      description: here.map((code) => `\`${code}\`: ${problems[code][1]}`).join('; '),
      headers: { ...common, ...retry },
      content: {
        'application/problem+json': {
          schema: problemSchema,
          examples: Object.fromEntries(here.map((code) => [code, { value: example(code) }])),
        },
      },
    };
  }
  return responses;
}

function tickOperation(ticks: readonly Tick[]): RouteConfig {
  const names = ticks.map(({ name }) => name) as [string, ...string[]];
  const counts = ticks.map(
    ({ name, counts: meanings }) =>
      `**${name}**: ${Object.entries(meanings)
        .map(([key, meaning]) => `\`${key}\` ${meaning}`)
        .join(', ')}.`,
  );
  return {
    method: 'post',
    path: '/v1/ticks/{name}',
    operationId: 'runTick',
    summary: 'Run a tick now',
    description: `For platforms whose schedulers call over HTTP. The answer is a count for each thing done. ${counts.join(' ')}`,
    tags: ['Operation'],
    security: [{ tickSecret: [] }],
    request: { params: z.object({ name: z.enum(names).meta({ description: 'The tick' }) }) },
    responses: {
      200: {
        description: 'What the tick did',
        content: {
          'application/json': {
            schema: z.record(z.string(), z.int()),
            example: { claimed: 3, done: 2, failed: 1, released: 0, cancelled: 0, stale: 0, joined: 0 },
          },
        },
      },
      ...problemResponses(
        ['unauthorized', 'not_found', 'internal', 'misconfigured', 'database_busy', 'database_unavailable'],
        {},
      ),
    },
  };
}
