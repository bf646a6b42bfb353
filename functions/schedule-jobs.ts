import * as z from 'zod/mini';
import { exampleNewJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { scheduleJobs } from '../core/schedule-job.ts';
import { job, jobBatch } from '../core/schemas.ts';

export default endpoint({
  name: 'schedule-jobs',
  method: 'POST',
  path: '/v1/jobs/batch',
  summary: 'Schedule up to 1,000 jobs, all or none',
  access: 'user',
  body: jobBatch,
  bodyExample: {
    jobs: [
      { task_type: 'sleep', payload: { ms: 10 } },
      { task_type: 'sleep', payload: { ms: 20 }, priority: 5 },
    ],
  },
  responses: {
    201: {
      description: 'All jobs were accepted',
      schema: z.object({ items: z.array(job) }),
      example: { items: [exampleNewJob] },
    },
  },
  problems: ['unknown_task_type', 'invalid_payload', 'payload_too_large', 'idempotency_key_reused'],
  handle: ({ body, caller }, ctx) => scheduleJobs(ctx, caller, body.jobs),
});
