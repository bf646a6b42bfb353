import { compile } from '@jmespath-community/jmespath';
import * as z from 'zod/mini';
import { PermanentError, task } from '../task.ts';

/** Reshapes JSON with JMESPath, a language in which every expression comes to an end (https://jmespath.site). */
export default task({
  type: 'transform',
  summary: 'Evaluates a JMESPath expression over `input`; the value is the result.',
  payload: z.strictObject({
    input: z.unknown(),
    expression: z.string().check(z.minLength(1), z.maxLength(4096), z.refine(compiles, 'not a JMESPath expression')),
  }),
  example: { input: { people: [{ name: 'Ada', age: 36 }] }, expression: 'people[?age > `30`].name' },
  run: async ({ payload: { input, expression } }) => {
    const { evaluate } = await import('../jmespath.ts');
    try {
      return evaluate(input, expression);
    } catch (error) {
      throw new PermanentError(`The expression cannot be evaluated over this input: ${(error as Error).message}`);
    }
  },
});

function compiles(expression: string): boolean {
  try {
    compile(expression);
    return true;
  } catch {
    return false;
  }
}
