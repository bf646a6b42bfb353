import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import { root } from '../support/build.ts';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document that is read as it is
export type Json = any;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  schema: Json;
}

/** An operation as the OpenAPI document has it: all that the fuzzer knows of a route. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  /** Whether it wants the tick secret, and whether it wants nothing. */
  secret: boolean;
  open: boolean;
  parameters: Parameter[];
  body: Json;
  responses: Record<string, { headers?: Record<string, Json>; content: Record<string, Json> }>;
}

const document = JSON.parse(readFileSync(join(root, 'dist/openapi.json'), 'utf8')) as Json;

// What a pattern beside the format says already is not said twice.
const formats = { uuid: true, 'date-time': true, uri: (text: string) => URL.canParse(text) } as const;
const ajv = new Ajv2020({ strict: false, allErrors: false, formats });
ajv.addSchema({ $id: 'doc', components: document.components });

/** Every operation of dist/openapi.json. */
export const operations: Operation[] = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
  Object.entries<Json>(methods).map(([method, operation]) => ({
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    secret: operation.security.some((one: object) => 'tickSecret' in one),
    open: operation.security.length === 0,
    parameters: operation.parameters ?? [],
    body: operation.requestBody?.content['application/json'].schema,
    responses: operation.responses,
  })),
);

/** What a reference of the document stands for; any other schema is itself. */
export const resolved = (schema: Json): Json =>
  schema.$ref ? document.components.schemas[schema.$ref.replace('#/components/schemas/', '')] : schema;

/** The values that a body of this content-type holds: one, or one a line. Text that is no JSON is itself. */
export function valuesIn(type: string, text: string): Json[] {
  if (/^application\/x-ndjson/.test(type))
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return [/^application\/(problem\+)?json/.test(type) ? JSON.parse(text) : text];
}

const compiled = new WeakMap<object, ValidateFunction>();

/** What is wrong with a value by a JSON Schema of the document, in one line; nothing where it fits. */
export function misfit(schema: Json, value: unknown): string | undefined {
  let check = compiled.get(schema);
  if (!check) {
    // A reference is resolved against the whole document, which has its own name here.
    check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"doc#/components')));
    compiled.set(schema, check);
  }
  if (check(value)) return undefined;
  return check.errors?.map(({ instancePath, message }) => `${instancePath || 'the value'} ${message}`).join('; ');
}
