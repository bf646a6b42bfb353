import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import type { FieldError } from './http/problem.ts';

// zod/mini brings no messages of its own. The setting is global: task schemas speak English, too.
z.config(en());

/** Any zod schema: of zod/mini, as the core has them (a third of the size), or of zod. */
export type Schema<Output = unknown> = z.core.$ZodType<Output>;

export type Output<S extends Schema> = z.core.output<S>;

/** A value that fits a schema, or at most 20 errors with paths of the form `/jobs/3/payload/ms`. */
export type Validated<Value> = { value: Value } | { errors: FieldError[] };

/** Holds a value against a schema. `under` is where the value stands, for the paths of the errors. */
export function validate<Value>(schema: Schema<Value>, value: unknown, under = ''): Validated<Value> {
  const result = z.safeParse(schema, value);
  if (result.success) return { value: result.data };
  const issues = result.error.issues.slice(0, 20);
  return { errors: issues.map(({ path, message }) => ({ path: [under, ...path.map(String)].join('/'), message })) };
}

/** Field errors as one line of at most 1,000 characters. */
export const summaryOf = (errors: readonly FieldError[]): string =>
  errors
    .map(({ path, message }) => (path ? `${path}: ${message}` : message))
    .join('; ')
    .slice(0, 1000);
