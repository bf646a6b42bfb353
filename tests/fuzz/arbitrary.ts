import fc from 'fast-check';
import { type Json, resolved } from './document.ts';
import { anyJson, textOf } from './values.ts';

/** Text of a format, which a schema can only name: the caller knows which addresses and times do no harm. */
export type Formats = Record<string, fc.Arbitrary<string>>;

/** Values that fit a JSON Schema of the document. Throws for a keyword that no schema of it has used yet. */
export function valid(given: Json, formats: Formats): fc.Arbitrary<unknown> {
  const schema = resolved(given);
  refuseUnknown(schema);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one: Json) => valid(one, formats)));
  switch (schema.type) {
    case undefined:
      return anyJson;
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return wholeNumber(schema.minimum ?? -1e9, schema.maximum ?? 1e9);
    case 'string':
      return textLike(schema, formats);
    case 'array':
      return listLike(schema, formats);
    case 'object':
      return objectLike(schema, formats);
  }
  throw new Error(`The fuzzer makes no ${schema.type} yet.`);
}

const known = new Set(
  `$schema title description default examples type enum const anyOf minimum maximum minLength maxLength pattern format
  items minItems maxItems properties required additionalProperties propertyNames`.split(/\s+/),
);

function refuseUnknown(schema: Json): void {
  const unknown = Object.keys(schema).filter((keyword) => !known.has(keyword));
  if (unknown.length > 0) throw new Error(`The fuzzer does not know the keyword ${unknown}: ${JSON.stringify(schema)}`);
}

/** Edges are where mistakes are. */
const wholeNumber = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max: Math.min(max, min + 100) }), fc.integer({ min, max }));

function textLike({ format, pattern, minLength = 0, maxLength = 1000 }: Json, formats: Formats): fc.Arbitrary<string> {
  if (format) {
    const made = formats[format];
    if (!made) throw new Error(`The fuzzer makes no text of the format ${format} yet.`);
    return made;
  }
  const fitting = pattern && new RegExp(pattern, 'u');
  return textOf(minLength, maxLength).filter((text) => !fitting || fitting.test(text));
}

function listLike({ items, minItems = 0, maxItems = 100 }: Json, formats: Formats): fc.Arbitrary<unknown[]> {
  return fc.array(valid(items, formats), { minLength: minItems, maxLength: Math.min(maxItems, minItems + 5) });
}

function objectLike(schema: Json, formats: Formats): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties = false, propertyNames = {} } = schema;
  const named = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, valid(one, formats)])),
    { requiredKeys: required, noNullPrototype: true },
  );
  if (additionalProperties === false) return named;
  const key = valid({ maxLength: 40, ...propertyNames, type: 'string' }, formats) as fc.Arbitrary<string>;
  const others = fc.dictionary(
    key.filter((name) => name !== '__proto__'),
    valid(additionalProperties === true ? {} : additionalProperties, formats),
    { maxKeys: 4, noNullPrototype: true },
  );
  return fc.tuple(named, others).map(([one, other]) => ({ ...other, ...(one as object) }));
}
