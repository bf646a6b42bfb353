import { expect, test } from 'vitest';
import { sourcesIn } from '../support/sources.ts';

const sources = [...sourcesIn('core'), ...sourcesIn('functions')];

// Time and chance come from the context, so that a test or a simulation can own them.
test.each([
  [/\bDate\.(now|parse|UTC)\b/],
  [/\bnew Date\b/],
  [/\bDate\(/],
  [/\bMath\.random\b/],
  [/\bcrypto\.(randomUUID|getRandomValues|subtle)\b/],
  [/\bperformance\.(now|timeOrigin)\b/],
  [/\bset(Timeout|Interval|Immediate)\b/],
  [/\bAbortSignal\.timeout\b/],
  [/\bqueueMicrotask\b/],
])('%s is in the context and nowhere else', (call) => {
  const users = sources.filter(({ code }) => call.test(code)).map(({ path }) => path);
  expect(users.filter((path) => path !== 'core/context.ts')).toEqual([]);
});

test('the context has them, so the search works', () => {
  const context = sources.find(({ path }) => path === 'core/context.ts');
  for (const call of ['Date.now()', 'Date.parse(', 'new Date(', 'Math.random()', 'getRandomValues', 'setTimeout('])
    expect(context?.code).toContain(call);
});

test('core and functions write no log but through the context', () => {
  const users = sources.filter(({ code }) => /(?<!\/)\bconsole[.[]/.test(code)).map(({ path }) => path);
  expect(users).toEqual(['core/context.ts']);
});
