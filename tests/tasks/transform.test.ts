import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanUp, pause, Server } from '../support/server.ts';
import type { Answer } from '../support/system.ts';

let server: Server;

beforeAll(async () => {
  server = await Server.start({ bare: true });
});
afterAll(cleanUp);

const input = {
  people: [
    { name: 'Ada', age: 36 },
    { name: 'Ben', age: 12 },
  ],
  'odd key': [3, 1, 2],
  nothing: null,
};

test.each<[string, unknown]>([
  ['people[?age > `30`].name', ['Ada']],
  [
    'people[].{n: name, next: age + `1`}',
    [
      { n: 'Ada', next: 37 },
      { n: 'Ben', next: 13 },
    ],
  ],
  ['sort("odd key")', [1, 2, 3]],
  ['length(people)', 2],
  ["join('-', people[*].name)", 'Ada-Ben'],
  ['let $least = `30` in people[?age < $least] | [0].name', 'Ben'],
  ['@', input],
  ['`false`', false],
  ["''", ''],
])('%s has its value as the result', async (expression, result) => {
  expect(await run({ input, expression })).toMatchObject({ status: 'done', result });
});

test.each(['nothing', 'people[9]', 'not.there.at.all'])('%s is null, which is a result', async (expression) => {
  const job = await run({ input, expression });
  expect(job).toMatchObject({ status: 'done', result: null, error: null, finished_at: expect.any(String) });
});

test.each([null, false, 0, '', [], 'text'])('the input may be %j', async (value) => {
  expect(await run({ input: value, expression: '@' })).toMatchObject({ status: 'done', result: value });
});

test.each(['', '(a', 'a.', 'a b', '[?', 'a[0', '`{`', 'x'.repeat(4097)])(
  '%j is no expression: scheduling refuses it',
  async (expression) => {
    const answer = await server.call('POST', '/v1/jobs', { task_type: 'transform', payload: { input, expression } });
    expect(answer).toMatchObject({
      status: 422,
      json: {
        code: 'invalid_payload',
        errors: expect.arrayContaining([expect.objectContaining({ path: '/payload/expression' })]),
      },
    });
  },
);

test.each([{}, { input }, { expression: 1, input }, { input, expression: '@', more: 1 }])(
  'the payload %j is refused',
  async (payload) => {
    const answer = await server.call('POST', '/v1/jobs', { task_type: 'transform', payload });
    expect(answer).toMatchObject({ status: 422, json: { code: 'invalid_payload' } });
  },
);

test.each<[string, RegExp]>([
  ["abs('x')", /abs\(\) expected argument 1 to be type \(number\)/],
  ['no_such_function(@)', /Unknown function: no_such_function/],
  ['$unknown', /undefined variable/],
  ['people[::0]', /step cannot be 0/],
])('%s cannot be evaluated over this input: that is final', async (expression, error) => {
  const job = await run({ input, expression });
  expect(job).toMatchObject({ status: 'dlq', retries: 1, error: expect.stringMatching(error) });
});

describe('an expression that grows and grows', () => {
  // Each step doubles what it is given: sixty of them would fill any memory, or take for ever.
  const doubled = (step: string, times: number) => Array(times).fill(step).join('|');

  test.each([12, 20, 60, 500])(
    'by holding itself twice, %i times over, ends with a final error, and hurts nobody',
    async (times) => {
      const before = await server.schedule('sleep', { ms: 1500 });
      const job = await run({ input: ['x'.repeat(100)], expression: doubled('[@,@]', times) });
      expect(job).toMatchObject({
        status: 'dlq',
        retries: 1,
        result: null,
        error: expect.any(String),
      });
      expect(await server.until(before.id, ['done'])).toMatchObject({ interruptions: 0, lease_epoch: 1 });
    },
  );

  test('within the limit is a result', async () => {
    const job = await run({ input: ['x'.repeat(100)], expression: doubled('[@,@]', 10) });
    expect(job.status).toBe('done');
    expect(JSON.stringify(job.result).length).toBeGreaterThan(100_000);
  });

  // The library itself evaluates without any bound, and would hold up the whole process, its heartbeats and its API.
  test('on its way to a small value ends with a final error, and hurts nobody', async () => {
    const victim = await Server.start({ bare: true });
    const expressions = [
      `length(${doubled('[@,@][]', 40)})`,
      `length(to_string(${doubled('[@,@]', 60)}))`,
      `(${doubled('[@,@]', 60)}) == (${doubled('[@,@]', 60)})`,
      `length('x' | ${doubled("join('',[@,@])", 28)})`,
      "length(pad_left('x', `500000000`))",
      'length($[].{a: $[].{b: $[].{c: $[].{d: @}}}})',
    ];
    const payloads = expressions.map((expression) => ({ input: Array(2000).fill(0), expression }));
    const jobs = { jobs: payloads.map((payload) => ({ task_type: 'transform', payload })) };
    const { items } = (await victim.call('POST', '/v1/jobs/batch', jobs)).json;
    const ends = items.map(({ id }: { id: string }) => victim.until(id, ['dlq', 'done']));
    const late = pause(30_000).then(() => {
      throw new Error('The process is held up.');
    });
    const ended = await Promise.race([Promise.all(ends), late]).finally(() => victim.kill());
    for (const job of ended) expect(job).toMatchObject({ status: 'dlq', retries: 1, lease_epoch: 1 });
  });
});

async function run(payload: object): Promise<Answer['json']> {
  const { id } = await server.schedule('transform', payload);
  return server.until(id, ['done', 'dlq']);
}
