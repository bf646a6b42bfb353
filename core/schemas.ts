import * as z from 'zod';
import { statuses } from './lifecycle/states.ts';

// The shapes on the wire. `.meta({ id })` makes a schema a named component of the OpenAPI document.

const timestamp = z.iso.datetime();
export const status = z.enum(statuses);
export const level = z.enum(['debug', 'info', 'warn', 'error']);
export const id = z.uuid();
export const taskType = z.string().min(1).max(64);
export const reason = z.string().min(1).max(1000);
export const ownerId = z.string().min(1).max(64);
const anything = z.unknown().meta({ description: 'Any JSON value' });

export const job = z
  .object({
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
    timeout_ms: z.int().nullable(),
    lease_epoch: z.int(),
    lease_worker: z.string().nullable(),
    lease_until: timestamp.nullable(),
    cancel_requested_at: timestamp.nullable(),
    idempotency_key: z.string().nullable(),
    result: anything,
    error: z.string().nullable(),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    finished_at: timestamp.nullable(),
  })
  .meta({ id: 'Job' });

const TEN_YEARS_MS = 3_652 * 86_400_000;

export const idempotencyKey = z.string().min(1).max(255);

export const jobRequest = z
  .strictObject({
    task_type: taskType,
    payload: z.record(z.string(), z.unknown()),
    max_retries: z.int().min(0).max(100).default(3),
    priority: z.int().min(-1000).max(1000).default(0).meta({ description: 'A higher number runs first' }),
    run_at: z.iso.datetime({ offset: true }).optional().meta({ description: 'RFC 3339; at most ten years ahead' }),
    delay_ms: z.int().min(0).max(TEN_YEARS_MS).optional(),
    timeout_ms: z.int().min(1).max(86_400_000).optional(),
    idempotency_key: idempotencyKey.optional(),
  })
  .refine(({ run_at, delay_ms }) => run_at === undefined || delay_ms === undefined, {
    path: ['delay_ms'],
    message: 'give run_at or delay_ms, not both',
  })
  .meta({ id: 'JobRequest' });

export type JobRequest = z.output<typeof jobRequest>;
export { TEN_YEARS_MS };

export const logEntry = z
  .object({
    at: timestamp,
    level,
    event: z.string(),
    job_id: id.nullable(),
    owner_id: ownerId.nullable(),
    task_type: taskType.nullable(),
    epoch: z.int().nullable(),
    worker: z.string().nullable(),
    from_status: status.nullable(),
    to_status: status.nullable(),
    message: z.string().nullable(),
    data: anything,
  })
  .meta({ id: 'LogEntry' });

export const role = z.enum(['admin', 'user']);

export const user = z
  .object({ id, name: z.string(), role, created_at: timestamp, disabled_at: timestamp.nullable() })
  .meta({ id: 'User' });

const byType = z.record(z.string(), z.int());

export const report = z
  .object({
    counts: z.object(Object.fromEntries(statuses.map((name) => [name, byType]))),
    totals: z.object(Object.fromEntries(statuses.map((name) => [name, z.int()]))),
    dlqItems: z.array(job),
  })
  .meta({ id: 'Report' });

/** A page of these items, as every list answers. */
export const pageOf = (item: z.ZodType) => z.object({ items: z.array(item), next_cursor: z.string().nullable() });

const digits = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, 'not a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/** The query parameters every list takes. */
export const paging = {
  cursor: z.string().max(200).optional().meta({ description: 'The next_cursor of the page before' }),
  limit: digits(1, 100).default(20).meta({ description: 'Items on a page, 1 to 100' }),
};
