import fc from 'fast-check';
import { valid } from './arbitrary.ts';
import { type Operation, operations } from './document.ts';
import { type Mutation, mutation } from './mutations.ts';
import { formats, payloadOf } from './payloads.ts';

export const identities = ['admin', 'ada', 'bob', 'disabled', 'nobody', 'unknown'] as const;
export type Identity = (typeof identities)[number];

/** A request as chance wants it. `pick` chooses among the ids and cursors that are there when it is sent. */
export interface RequestStep {
  kind: 'request';
  operation: Operation;
  who: Identity;
  pick: number;
  parameters: Record<string, unknown>;
  body: unknown;
  mutations: Mutation[];
}

/** What one step of a sequence does: a request, a tick, or time that passes. */
export type Step = RequestStep | { kind: 'tick'; name: 'process-batch' | 'coordinate' } | { kind: 'pass'; ms: number };

const whoever: fc.Arbitrary<Identity> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<Identity>('admin', 'ada', 'bob') },
  { weight: 1, arbitrary: fc.constantFrom<Identity>('disabled', 'nobody', 'unknown') },
);

/** What a job request cannot say in a schema: the payload fits its task, and one time is given, not two. */
function amended(body: unknown): fc.Arbitrary<unknown> {
  const { jobs } = body as { jobs?: unknown[] };
  if (jobs) return fc.tuple(...jobs.map(amended)).map((list) => ({ jobs: list }));
  if (!('task_type' in (body as object)) || !('payload' in (body as object))) return fc.constant(body);
  const { delay_ms, ...rest } = body as Record<string, unknown>;
  const times = rest.run_at === undefined && delay_ms !== undefined ? { delay_ms: (delay_ms as number) % 5000 } : {};
  return fc
    .constantFrom(...Object.keys(payloadOf))
    .chain((task_type) =>
      (payloadOf[task_type] as fc.Arbitrary<unknown>).map((payload) => ({ ...rest, ...times, task_type, payload })),
    );
}

const bodyOf = ({ body }: Operation): fc.Arbitrary<unknown> =>
  body ? valid(body, formats).chain(amended) : fc.constant(undefined);

// Segments of nothing or of dots are no segments of a URL's path any more.
const segment = (text: unknown): boolean => !['', '.', '..'].includes(text as string);

const parametersOf = ({ parameters }: Operation): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(
    Object.fromEntries(
      parameters.map((one) => [
        one.name,
        // A header line carries bytes, not every text.
        one.in === 'header'
          ? fc.stringMatching(/^[!-~]{1,40}$/)
          : valid(one.schema, formats).filter((value) => one.in !== 'path' || segment(value)),
      ]),
    ),
    { requiredKeys: parameters.filter(({ required }) => required).map(({ name }) => name), noNullPrototype: true },
  );

const requestOf = (operation: Operation): fc.Arbitrary<RequestStep> =>
  fc.record({
    kind: fc.constant('request' as const),
    operation: fc.constant(operation),
    who: whoever,
    pick: fc.nat(),
    parameters: parametersOf(operation),
    body: bodyOf(operation),
    mutations: fc.oneof(fc.constant<Mutation[]>([]), fc.array(mutation, { minLength: 1, maxLength: 2 })),
  });

const seldom = new Set(['openapi', 'health', 'runTick', 'disableUser']);

/** A step; requests are of one operation, where it is named. */
export function stepOf(only?: string): fc.Arbitrary<Step> {
  const chosen = operations.filter(({ id }) => only === undefined || id === only || id === 'scheduleJob');
  if (only !== undefined && !operations.some(({ id }) => id === only))
    throw new Error(`--operation is ${only}; it may be one of ${operations.map(({ id }) => id).join(', ')}.`);
  const weighed = chosen.map((one) => ({ weight: seldom.has(one.id) ? 1 : 8, arbitrary: requestOf(one) }));
  return fc.oneof<fc.WeightedArbitrary<Step>[]>(
    ...weighed,
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('tick'), name: fc.constantFrom('process-batch', 'coordinate') }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.constantFrom(1, 1000, 60_000, 3_600_000) }) },
  );
}
