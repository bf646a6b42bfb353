import fc from 'fast-check';

/** Texts that have broken programs; each can be stored faithfully, so a schema decides alone whether it is taken. */
export const hostileTexts = [
  "'; DROP TABLE jobs; --",
  "' OR '1'='1",
  '" OR ""="',
  '%_%',
  '?1',
  '$.a[0]',
  '../../etc/passwd',
  '..\\..',
  '{{7*7}}',
  '#{7*7}',
  '<script>alert(1)</script>',
  'a\r\nx-injected: 1',
  '\u0001\u001b[31m\u007f',
  '\ufeff',
  '\u202e\u2066',
  '\u2028\u2029',
  'e\u0301\u0301\u0301',
  '😀👩‍👩‍👧',
  'ﬃİıſ',
  '\uffff',
  'null',
  'undefined',
  'NaN',
  '1e9',
  '-0',
  'constructor',
  'toString',
  'hasOwnProperty',
  '`{"a":1}`',
  '@',
  '*',
  '[?a]',
  '&',
] as const;

/** Texts that cannot be stored faithfully. */
export const unfaithfulTexts = ['\u0000', 'a\u0000b', '\ud800', 'x\udc00', '\udc00\ud800'] as const;

/** A text of `min` to `max` code points: plain, hostile, of any plane, or as long as it may be. */
export function textOf(min: number, max: number): fc.Arbitrary<string> {
  const short = Math.max(min, Math.min(max, 40));
  const fits = (text: string) => [...text].length >= min && [...text].length <= max;
  const hostile = hostileTexts.filter(fits);
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength: min, maxLength: short }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: min, maxLength: short }).filter(faithful(fits)) },
    ...(hostile.length > 0 ? [{ weight: 3, arbitrary: fc.constantFrom(...hostile) }] : []),
    ...(max <= 2000
      ? [{ weight: 1, arbitrary: fc.constantFrom('x'.repeat(max), '😀'.repeat(max), 'x'.repeat(min)) }]
      : []),
  );
}

// `binary` has no halves of pairs, but it has NUL.
const faithful = (fits: (text: string) => boolean) => (text: string) => fits(text) && !text.includes('\u0000');

const key = textOf(0, 40).filter((text) => text !== '__proto__');

/** Any JSON value that can be stored faithfully, not deep. */
export const anyJson: fc.Arbitrary<unknown> = fc.anything({
  key,
  maxDepth: 3,
  maxKeys: 4,
  values: [
    textOf(0, 200),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
    fc.boolean(),
    fc.constant(null),
  ],
});

/** Values to put where another is wanted; those of `rawJson` have no JavaScript value, so they are written as JSON. */
export const wrongValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', 'x', -1, 0, 0.5, 1e16, -1e308, [], {}, [[]], { a: 1 }, '9'.repeat(400)),
  fc.constantFrom<unknown>(...hostileTexts, ...unfaithfulTexts),
  fc.constantFrom(255, 256, 1000, 1001, 5000).map((length) => 'y'.repeat(length)),
  fc.integer({ min: 33, max: 60 }).map(nested),
  anyJson,
);

/** Arrays in arrays, so many deep. */
function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}
