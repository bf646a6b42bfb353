import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { bracketsIn } from '../../core/http/depth.ts';
import { depthOf, readJson } from '../../core/http/json.ts';

afterEach(() => void vi.restoreAllMocks());

const read = (body: string): Promise<unknown> =>
  readJson(new Request('http://test/', { method: 'POST', headers: { 'content-type': 'application/json' }, body }));

const tooDeep = { code: 'ill_formed_value', message: 'The body: nested too deep' };
const malformed = { code: 'malformed_json' };

test.each([
  ['arrays', `${'['.repeat(500_000)}${']'.repeat(500_000)}`, tooDeep],
  ['arrays that do not end', '['.repeat(1_000_000), malformed],
  ['objects', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`, tooDeep],
  ['49 levels', `${'['.repeat(49)}${']'.repeat(49)}`, tooDeep],
])('a body of %s is refused without being parsed', async (_, body, problem) => {
  const parse = vi.spyOn(JSON, 'parse');
  await expect(read(body)).rejects.toMatchObject(problem);
  // The test runner has texts of its own to parse.
  expect(parse.mock.calls.filter(([text]) => text === body)).toEqual([]);
});

test('48 levels are read, and brackets in text and keys are none', async () => {
  const deep = `${'['.repeat(48)}${']'.repeat(48)}`;
  expect(await read(deep)).toEqual(JSON.parse(deep));
  const text = '[{'.repeat(1000);
  const flat = { [text]: [text, `\\"${text}`, '\\', text, '"', text] };
  expect(await read(JSON.stringify(flat))).toEqual(flat);
});

test('the depth of any JSON is told without parsing it as it is told with it', () => {
  const json = fc.jsonValue({ maxDepth: 12, stringUnit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a') });
  fc.assert(
    fc.property(json, (value) => {
      expect(bracketsIn(JSON.stringify(value))).toEqual({ deepest: depthOf(value, 99), closed: true });
    }),
  );
});
