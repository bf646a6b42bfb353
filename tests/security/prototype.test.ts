import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { evaluate } from '../../core/jmespath.ts';
import { Receiver } from '../support/receiver.ts';
import { cleanUp, Server } from '../support/server.ts';
import { System } from '../support/system.ts';

// Names that every object inherits: they must be data like any other, or refused, and never change an object of ours.
const inherited = Object.getOwnPropertyNames(Object.prototype).sort();
let before: string;

beforeEach(() => {
  before = picture();
});
afterEach(() => {
  expect(picture()).toBe(before);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

/** What all objects, lists and functions inherit. */
function picture(): string {
  const all = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
  return all.map((one) => Reflect.ownKeys(one).map(String).join()).join('\n');
}

describe('a request', () => {
  let system: System;
  beforeAll(() => {
    system = new System();
  });
  afterAll(() => system.close());

  const raw = (payload: string, more = '') => `{"task_type":"transform","payload":${payload}${more}}`;

  test.each([
    raw('{"input":{"__proto__":{"polluted":1}},"expression":"@"}'),
    raw('{"input":[[{"a":{"__proto__":null}}]],"expression":"@"}'),
    raw('{"__proto__":{"input":1,"expression":"@"}}'),
    raw('{"input":1,"expression":"@"}', ',"__proto__":{"priority":5}'),
    raw('{"input":1,"expression":"@"}', ',"\\u005f_proto__":{"polluted":1}'),
    '{"__proto__":{"task_type":"transform","payload":{"input":1,"expression":"@"}}}',
  ])('with the key __proto__ is refused wherever it stands (%#)', async (body) => {
    const answer = await system.call('POST', '/v1/jobs', body);
    expect(answer).toMatchObject({ status: 400, json: { code: 'ill_formed_value' } });
    expect(answer.json.detail).toContain('a key may not be __proto__');
    expect((await system.call('GET', '/v1/jobs')).json.items).toEqual([]);
  });

  test.each(inherited.filter((name) => name !== '__proto__'))(
    'holds data under the name %s, and gets it back as it was',
    async (name) => {
      const input = JSON.parse(`{"${name}":{"prototype":{"polluted":1}},"deep":{"${name}":["x"]}}`);
      const job = await system.schedule('transform', { input, expression: '@' });
      expect(job.payload).toEqual({ input, expression: '@' });
      expect(Object.hasOwn((job.payload as { input: object }).input, name)).toBe(true);
      await system.call('POST', `/v1/jobs/${job.id}/cancel`);
    },
  );

  test.each(inherited)('with the field or the parameter %s, which none of them takes, is refused', async (name) => {
    const field = await system.call('POST', '/v1/users', `{"name":"ada","role":"user","${name}":{"role":"admin"}}`);
    expect([name, field.status]).toEqual([name, name === '__proto__' ? 400 : 422]);
    const parameter = await system.call('GET', `/v1/jobs?${name}=1&${name}[polluted]=1`);
    expect(parameter).toMatchObject({ status: 400, json: { code: 'bad_parameter' } });
    expect((await system.call('GET', `/v1/jobs/${name}`)).status).toBe(404);
    const known = await system.call('GET', '/v1/jobs', undefined, { headers: { [name]: 'x' } });
    expect(known.status).toBe(200);
  });

  test.each(inherited)('for the task type %s finds no such task', async (name) => {
    const answer = await system.call('POST', '/v1/jobs', { task_type: name, payload: {} });
    expect(answer).toMatchObject({ status: 422, json: { code: 'unknown_task_type' } });
    const counts = (await system.call('GET', '/v1/jobs/report')).json.counts;
    for (const types of Object.values(counts)) expect(Object.hasOwn(types as object, name)).toBe(false);
  });

  test.each(inherited)(
    'with the key %s of idempotency is two users’ key, and the same job the second time',
    async (name) => {
      const job = { task_type: 'sleep', payload: { ms: 0 }, idempotency_key: name };
      const first = await system.call('POST', '/v1/jobs', job);
      const again = await system.call('POST', '/v1/jobs', job);
      expect([first.status, again.status]).toEqual([201, 200]);
      expect(again.json.id).toBe(first.json.id);
    },
  );

  test('with a cursor that holds such a name is refused', async () => {
    for (const text of ['__proto__', '{"__proto__":1}', '1.__proto__', 'constructor.prototype'])
      expect(await system.call('GET', `/v1/jobs?cursor=${btoa(text)}`)).toMatchObject({ json: { code: 'bad_cursor' } });
  });
});

describe('a JMESPath expression', () => {
  const input = { a: { constructor: { prototype: { x: 1 } } }, list: [{ k: 'a' }] };

  test.each(inherited)('finds no %s where a value only inherits it', (name) => {
    expect(evaluate(input, `"${name}"`)).toBeNull();
    expect(evaluate(input, `"${name}"."${name}".prototype`)).toBeNull();
    expect(evaluate(input, `list[].["${name}"]`)).toEqual([[null]]);
    expect(evaluate([], `"${name}"`)).toBeNull();
    expect(evaluate('text', `"${name}"`)).toBeNull();
  });

  test.each(inherited)('calls no function %s', (name) => {
    expect(() => evaluate(input, `${name}(@)`)).toThrow(`Unknown function: ${name}()`);
  });

  test.each(inherited)('knows no variable %s', (name) => {
    expect(() => evaluate(input, `$${name}`)).toThrow('undefined variable');
    expect(() => evaluate(input, `let $x = a in $${name}`)).toThrow('undefined variable');
  });

  test('reads what a value does hold under such a name', () => {
    expect(evaluate(input, 'a.constructor.prototype')).toEqual({ x: 1 });
    expect(evaluate(input, '{constructor: a.constructor, toString: list}.toString[0].k')).toBe('a');
  });

  test('makes no value that inherits from another', () => {
    expect(() => evaluate(input, '{"__proto__": a}')).toThrow('a key may not be __proto__');
    const made = evaluate(input, 'merge(`{"__proto__":{"polluted":1}}`, a)');
    expect(evaluate(made, 'polluted')).toBeNull();
  });
});

describe('a running system', () => {
  let server: Server;
  let receiver: Receiver;
  beforeAll(async () => {
    server = await Server.start({ bare: true });
    receiver = await Receiver.start();
  });
  afterAll(async () => {
    await receiver.close();
    await cleanUp();
  });

  test.each([
    '`{"__proto__":{"polluted":1}}`',
    'from_items(`[["__proto__", {"polluted": 1}]]`)',
    '[{a: `{"__proto__":1}`}]',
  ])('keeps no result with the key __proto__: %s', async (expression) => {
    const { id } = await server.schedule('transform', { input: 1, expression });
    const job = await server.until(id, ['done', 'dlq']);
    expect(job).toMatchObject({ status: 'dlq', result: null });
    expect(job.error).toContain('a key may not be __proto__');
  });

  test('sends headers of such names as they are, and refuses __proto__', async () => {
    const headers = { constructor: 'a', toString: 'b', hasOwnProperty: 'c' };
    const { id } = await server.schedule('webhook', { url: receiver.url, headers });
    await server.until(id, ['done']);
    expect(receiver.requests[0]?.headers).toMatchObject({ constructor: 'a', tostring: 'b', hasownproperty: 'c' });
    const body = `{"task_type":"webhook","payload":{"url":"${receiver.url}","headers":{"__proto__":"x"}}}`;
    expect((await server.call('POST', '/v1/jobs', body)).json.code).toBe('ill_formed_value');
  });
});
