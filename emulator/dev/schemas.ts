import * as z from 'zod/mini';

const ms = (min: number, max: number) => z.int().check(z.minimum(min), z.maximum(max));
const TEN_YEARS_MS = 315_360_000_000;
const text = (max: number) => z.string().check(z.maxLength(max));
const headers = z.record(z.string().check(z.regex(/^[!#$%&'*+.^_`|~\w-]{1,100}$/)), text(4096));

export const time = z.strictObject({
  action: z.enum(['freeze', 'resume', 'step', 'jump', 'next']),
  ms: z.optional(ms(0, TEN_YEARS_MS)),
});

export const flag = z.strictObject({ on: z.boolean() });

const statusCode = z.int().check(z.minimum(200), z.maximum(599));
export const bin = z.strictObject({
  status: z._default(statusCode, 200),
  delay_ms: z._default(ms(0, 600_000), 0),
  headers: z.optional(headers),
  body: z.optional(text(65_536)),
});

const taskType = z.string().check(z.minLength(1), z.maxLength(64));
export const fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('fail'),
    task_type: taskType,
    times: z._default(ms(1, 1_000_000), 1),
    error: z._default(text(2000), 'The emulator made this run fail.'),
  }),
  z.strictObject({ kind: z.literal('kill') }),
  z.strictObject({ kind: z.literal('skew'), ms: ms(-TEN_YEARS_MS, TEN_YEARS_MS) }),
  z.strictObject({ kind: z.literal('slow'), ms: ms(0, 60_000) }),
]);

export const replay = z.strictObject({ body: z.optional(z.unknown()), headers: z.optional(headers) });

export const limit = z.coerce.number().check(z.int(), z.minimum(1), z.maximum(1000));
