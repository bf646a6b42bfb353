import * as z from 'zod/mini';
import { countParts, logEntry, named, taskType, timestamp } from './schemas.ts';

// What the console reads beside the jobs; apart, so that the other functions do not carry it.

const times = z.nullable(z.object({ p50: z.int(), p95: z.int(), p99: z.int() }));

export const snapshot = named(
  'Snapshot',
  z.object({
    at: timestamp,
    ...countParts,
    events: z.record(z.string(), z.int()).check(z.describe('Log entries by event since the snapshot before')),
    every: z.int().check(z.describe('Events are counted in one log entry of so many; 1 is exact')),
    span_ms: z.int().check(z.describe('The time that the events cover')),
    wait_ms: times.check(z.describe('From due to started, of jobs that were done')),
    run_ms: times.check(z.describe('From started to finished, of jobs that were done')),
    oldest_due_ms: z.int().check(z.describe('How long the oldest due job has waited')),
  }),
);

export const snapshots = z.object({
  items: z.array(snapshot),
  coordinated_at: z.nullable(timestamp),
  claimed_at: z.nullable(timestamp),
});

export const news = named(
  'News',
  z.object({
    cursor: z.string(),
    at: timestamp,
    ...countParts,
    next_due_at: z.nullable(timestamp).check(z.describe('For admins: when the first pending job is or was due')),
    logs: z.array(logEntry).check(z.describe('The newest of what was logged since `after`, newest first')),
    more: z.boolean().check(z.describe('Whether more was logged than is in `logs`')),
  }),
);

export const since = z.iso.datetime({ offset: true });

export const taskInfo = named(
  'Task',
  z.object({
    type: taskType,
    summary: z.string(),
    payload: z.record(z.string(), z.unknown()).check(z.describe('JSON Schema of the payload')),
    example: z.record(z.string(), z.unknown()),
  }),
);
