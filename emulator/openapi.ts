import type { Endpoint, ResponseSpec } from '../core/http/endpoint.ts';
import { type ProblemCode, problems } from '../core/http/problem.ts';
import type { Tick } from '../core/http/tick.ts';
import { version } from '../core/version.ts';
import { type Json, Schemas } from './json-schema.ts';

const REQUEST_ID = '019ab2f0-6a3e-7c1d-8b52-4f0e9d3c2a17';

const problemShape: Json = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(problems), description: 'Stable; programs may rely on it' },
    request_id: { type: 'string', description: 'As in the header X-Request-Id and in the log of the service' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

const text = (description: string, example?: string): Json => ({
  description,
  schema: { type: 'string' },
  ...(example && { example }),
});
const requestIdHeader = {
  'X-Request-Id': text('The id of this request, which the log of the service has, too', REQUEST_ID),
};
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
export function openApiDocument(endpoints: readonly Endpoint[], ticks: readonly Tick[]): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operationOf(endpoint, schemas) };
  }
  paths['/v1/ticks/{name}'] = { post: tickOperation(ticks) };
  return {
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
    paths,
    components: {
      schemas: { ...schemas.components, Problem: problemShape },
      securitySchemes: {
        userToken: { type: 'apiKey', in: 'header', name: 'x-user-auth', description: 'The token of a user' },
        tickSecret: { type: 'apiKey', in: 'header', name: 'x-tick-secret', description: 'TICK_SECRET' },
      },
    },
  };
}

const operationId = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function tagOf(path: string): string {
  if (/^\/v1\/(jobs|tasks|live|dumps)/.test(path)) return 'Jobs';
  if (path.startsWith('/v1/dlq')) return 'Dead-letter queue';
  if (path.startsWith('/v1/logs')) return 'Logs';
  return path.startsWith('/v1/users') ? 'Users' : 'Operation';
}

function operationOf(endpoint: Endpoint, schemas: Schemas): Json {
  const limited = endpoint.limited !== false;
  const common = { ...requestIdHeader, ...(limited && limitHeaders) };
  const parameters = [
    ...schemas.parameters(endpoint.params, 'path'),
    ...schemas.parameters(endpoint.query, 'query'),
    ...schemas.parameters(endpoint.headers, 'header'),
  ];
  return {
    operationId: operationId(endpoint.name),
    summary: endpoint.summary,
    ...(endpoint.description && { description: endpoint.description }),
    tags: [tagOf(endpoint.path)],
    security: endpoint.access === 'anyone' ? [] : [{ userToken: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(endpoint.body && {
      requestBody: { required: true, content: json(schemas.use(endpoint.body, 'input'), endpoint.bodyExample) },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(endpoint.responses).map(([status, spec]) => [status, success(spec, common, schemas)]),
      ),
      ...problemResponses(problemsOf(endpoint, limited), common),
    },
  };
}

const json = (schema: Json, example: unknown, media = 'application/json'): Json => ({ [media]: { schema, example } });

const success = (
  { description, schema, example, media, headers = {} }: ResponseSpec,
  common: Json,
  schemas: Schemas,
): Json => ({
  description,
  headers: {
    ...common,
    ...Object.fromEntries(Object.entries(headers).map(([name, meaning]) => [name, text(meaning)])),
  },
  content: json(schemas.use(schema, 'output'), example, media),
});

/** Every problem an endpoint can answer: those it names, and those that follow from what it takes. */
function problemsOf(endpoint: Endpoint, limited: boolean): ProblemCode[] {
  const codes: ProblemCode[] = [
    'bad_parameter',
    'internal',
    'misconfigured',
    'database_busy',
    'database_unavailable',
    'storage_full',
  ];
  codes.push(...(endpoint.problems ?? []));
  if (limited) codes.push('rate_limited');
  if (endpoint.access !== 'anyone') codes.push('unauthorized');
  if (endpoint.access === 'admin') codes.push('forbidden');
  if (endpoint.body) codes.push('ill_formed_value', 'unsupported_media_type');
  if (endpoint.method === 'POST') codes.push('malformed_json', 'invalid_body', 'body_too_large');
  return codes;
}

function problemResponses(codes: readonly ProblemCode[], common: Json): Json {
  const responses: Json = {};
  for (const status of [...new Set(codes.map((code) => problems[code][0]))].sort()) {
    const here = codes.filter((code) => problems[code][0] === status);
    const retry = [429, 503, 507].includes(status) ? { 'Retry-After': text('Seconds to wait', '1') } : {};
    responses[status] = {
      description: here.map((code) => `\`${code}\`: ${problems[code][1]}`).join('; '),
      headers: { ...common, ...retry },
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(here.map((code) => [code, { value: problemExample(code) }])),
        },
      },
    };
  }
  return responses;
}

const problemExample = (code: ProblemCode): Json => ({
  type: `urn:escapement:problem:${code}`,
  title: problems[code][1],
  status: problems[code][0],
  detail: `${problems[code][1]}.`,
  code,
  request_id: REQUEST_ID,
});

function tickOperation(ticks: readonly Tick[]): Json {
  const counts = ticks.map(({ name, counts: meanings }) => {
    const list = Object.entries(meanings).map(([key, meaning]) => `\`${key}\` ${meaning}`);
    return `**${name}**: ${list.join(', ')}.`;
  });
  const schema = { type: 'object', additionalProperties: { type: 'integer' } };
  const example = { claimed: 3, done: 2, failed: 1, released: 0, cancelled: 0, stale: 0, joined: 0 };
  return {
    operationId: 'runTick',
    summary: 'Run a tick now',
    description: `For schedulers that call over HTTP. A query or a body, which some of them send, is not looked at. The answer is a count for each thing done. ${counts.join(' ')}`,
    tags: ['Operation'],
    security: [{ tickSecret: [] }],
    parameters: [
      { name: 'name', in: 'path', required: true, schema: { type: 'string', enum: ticks.map(({ name }) => name) } },
    ],
    responses: {
      200: { description: 'What the tick did', headers: requestIdHeader, content: json(schema, example) },
      ...problemResponses(
        [
          'unauthorized',
          'not_found',
          'rate_limited',
          'internal',
          'misconfigured',
          'database_busy',
          'database_unavailable',
          'storage_full',
        ],
        { ...requestIdHeader, ...limitHeaders },
      ),
    },
  };
}
