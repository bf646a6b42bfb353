import * as z from 'zod/mini';
import { statuses } from './lifecycle/states.ts';

// The shapes on the wire. An id in the registry makes a schema a named component of the OpenAPI document.

export const named = <S extends z.core.$ZodType>(id: string, schema: S): S => {
  z.globalRegistry.add(schema, { id });
  return schema;
};

/** A string of `min` to `max` characters, as JSON Schema counts them: code points. */
export const text = (min: number, max: number) => z.string().check(z.minLength(min), z.maxLength(max));
/** A whole number from `min` to `max`. */
export const integer = (min: number, max: number) => z.int().check(z.minimum(min), z.maximum(max));

export const timestamp = z.iso.datetime();
export const status = z.enum(statuses);
export const level = z.enum(['debug', 'info', 'warn', 'error']);
export const id = z.uuid();
export const taskType = text(1, 64);
export const reason = text(1, 1000);
export const ownerId = text(1, 64);
const anything = z.unknown().check(z.describe('Any JSON value'));

export const job = named(
  'Job',
  z.object({
    id,
    owner_id: ownerId,
    task_type: taskType,
    payload: z.record(z.string(), z.unknown()),
    status,
    priority: z.int(),
    retries: z.int(),
    max_retries: z.int(),
    interruptions: z.int(),
    dlq_redrives: z.int(),
    run_at: timestamp,
    timeout_ms: z.nullable(z.int()),
    lease_epoch: z.int(),
    lease_worker: z.nullable(z.string()),
    lease_until: z.nullable(timestamp),
    cancel_requested_at: z.nullable(timestamp),
    idempotency_key: z.nullable(z.string()),
    result: anything,
    error: z.nullable(z.string()),
    created_at: timestamp,
    started_at: z.nullable(timestamp),
    finished_at: z.nullable(timestamp),
  }),
);

export const TEN_YEARS_MS = 3_652 * 86_400_000;

export const idempotencyKey = text(1, 255);

export const jobRequest = named(
  'JobRequest',
  z
    .strictObject({
      task_type: taskType,
      payload: z.record(z.string(), z.unknown()),
      max_retries: z._default(integer(0, 100), 3),
      priority: z._default(integer(-1000, 1000).check(z.describe('A higher number runs first')), 0),
      run_at: z.optional(z.iso.datetime({ offset: true }).check(z.describe('RFC 3339; at most ten years ahead'))),
      delay_ms: z.optional(integer(0, TEN_YEARS_MS)),
      timeout_ms: z.optional(integer(1, 86_400_000)),
      idempotency_key: z.optional(idempotencyKey),
    })
    .check(
      z.refine(({ run_at, delay_ms }) => run_at === undefined || delay_ms === undefined, {
        path: ['delay_ms'],
        message: 'give run_at or delay_ms, not both',
      }),
    ),
);

export type JobRequest = z.output<typeof jobRequest>;

export const jobBatch = named(
  'JobBatch',
  z.strictObject({ jobs: z.array(jobRequest).check(z.minLength(1), z.maxLength(1000)) }),
);

export const redriveRequest = named('RedriveRequest', z.strictObject({ reason }));

export const bulkRedriveRequest = named(
  'BulkRedriveRequest',
  z.strictObject({
    reason,
    task_type: z.optional(taskType),
    owner_id: z.optional(ownerId),
    error_contains: z.optional(text(1, 200)),
    limit: z._default(integer(1, 1000), 100),
    dry_run: z._default(z.boolean(), false),
  }),
);

export const logEntry = named(
  'LogEntry',
  z.object({
    at: timestamp,
    level,
    event: z.string(),
    job_id: z.nullable(id),
    owner_id: z.nullable(ownerId),
    task_type: z.nullable(taskType),
    epoch: z.nullable(z.int()),
    worker: z.nullable(z.string()),
    from_status: z.nullable(status),
    to_status: z.nullable(status),
    message: z.nullable(z.string()),
    data: anything,
  }),
);

const role = z.enum(['admin', 'user']);

export const userRequest = named(
  'UserRequest',
  z.strictObject({ name: text(1, 100).check(z.regex(/\S/, 'blanks alone are no name'), z.trim()), role }),
);

const userParts = { id, name: z.string(), role, created_at: timestamp, disabled_at: z.nullable(timestamp) };
export const user = named('User', z.object(userParts));
export const newUser = named('NewUser', z.object({ ...userParts, token: z.uuid() }));

const byType = z.record(z.string(), z.int());

export const countParts = {
  counts: z.object(Object.fromEntries(statuses.map((name) => [name, byType]))),
  totals: z.object(Object.fromEntries(statuses.map((name) => [name, z.int()]))),
};

export const report = named('Report', z.object({ ...countParts, dlqItems: z.array(job) }));

/** A page of these items, as every list answers. */
export const pageOf = (item: z.core.$ZodType) =>
  z.object({ items: z.array(item), next_cursor: z.nullable(z.string()) });

/** The parameter of the routes of one thing. */
export const idParam = z.object({ id: z.string().check(z.maxLength(64), z.describe('The id')) });

const pageSize = z.pipe(
  z.string().check(z.regex(/^([1-9]\d?|100)$/, 'it may be a whole number from 1 to 100')),
  z.transform(Number),
);

/** A whole number in a query, where it is text; `initial` where it is left out. */
export const count = (initial: number, min: number, max: number, description: string) =>
  z
    ._default(
      z.pipe(
        z.string().check(
          z.regex(/^\d{1,9}$/, `it may be a whole number from ${min} to ${max}`),
          z.refine((text) => Number(text) >= min && Number(text) <= max, `it may be from ${min} to ${max}`),
        ),
        z.transform(Number),
      ),
      initial,
    )
    .check(z.meta({ description, type: 'integer', minimum: min, maximum: max, pattern: undefined }));

/** The query parameters every list takes. */
export const paging = {
  cursor: z.optional(z.string().check(z.maxLength(200), z.describe('The next_cursor of the page before'))),
  limit: z._default(pageSize, 20).check(
    // In a URL it is text; the document should say what the text means.
    z.meta({ description: 'Items on a page', type: 'integer', minimum: 1, maximum: 100, pattern: undefined }),
  ),
};
