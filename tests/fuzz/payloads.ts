import fc from 'fast-check';
import * as z from 'zod/mini';
import { tasks } from '../../core/tasks/index.ts';
import { type Formats, valid } from './arbitrary.ts';
import type { Json } from './document.ts';
import { anyJson } from './values.ts';

const START = Date.parse('2027-01-01T00:00:00Z');

/** Text of each format, of a kind that leaves this machine alone: no name to look up, no address but this machine's. */
export const formats: Formats = {
  uuid: fc.uuid(),
  'date-time': fc
    .tuple(fc.integer({ min: -1e9, max: 1e11 }), fc.constantFrom('Z', '+00:00', '+14:00', '-00:30'))
    .map(([ms, zone]) => new Date(START + ms).toISOString().replace('Z', zone)),
  email: fc.constantFrom('ada@example.com', 'a.b+c@example.org', `${'a'.repeat(64)}@example.net`),
  uri: fc.constantFrom('http://127.0.0.1:9/', 'http://127.0.0.1:9/a?b=%00#c', 'https://[::1]:9/', 'http://0x7f.1:9/'),
};

const expressions = [
  '@',
  'a',
  '"😀"',
  'a.b.c',
  'a[*].b',
  '[?a > `1`]',
  '{x: @, y: a}',
  'length(@)',
  'sort_by(@, &a)',
  'max(@)',
  '*.*',
  '[]',
  "join('', ['a'])",
  "pad_left('a', `10`)",
  'let $x = @ in $x',
];

// What a schema cannot say of a payload, task by task.
const amended: Record<string, (payload: Json) => fc.Arbitrary<unknown>> = {
  transform: (payload) =>
    fc.record({ input: anyJson, expression: fc.constantFrom(...expressions) }).map((one) => ({ ...payload, ...one })),
  webhook: ({ body, ...rest }) => fc.constant(rest.method === 'GET' || body === undefined ? rest : { ...rest, body }),
};

/** A payload that its task takes, made from the JSON Schema of the task. */
export const payloadOf: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(
  tasks.map(({ type, payload }) => {
    const schema = z.toJSONSchema(payload as z.ZodMiniType, { io: 'input', unrepresentable: 'any' });
    return [type, valid(schema, formats).chain((one) => amended[type]?.(one) ?? fc.constant(one))];
  }),
);
