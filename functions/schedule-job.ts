import * as z from 'zod/mini';
import { exampleNewJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { scheduleJob } from '../core/schedule-job.ts';
import { idempotencyKey, job, jobRequest } from '../core/schemas.ts';

const replayed = { 'Idempotent-Replayed': 'true where the key was used before for the same request' };

export default endpoint({
  name: 'schedule-job',
  method: 'POST',
  path: '/v1/jobs',
  summary: 'Schedule a job',
  description:
    'With an idempotency key, in the body or in the header, a repeated request schedules nothing and answers the first job.',
  access: 'user',
  headers: z.object({ 'idempotency-key': z.optional(idempotencyKey) }),
  body: jobRequest,
  bodyExample: { task_type: 'sleep', payload: { ms: 1000 }, idempotency_key: 'order-17' },
  responses: {
    201: {
      description: 'The job was accepted',
      schema: job,
      example: exampleNewJob,
      headers: { Location: 'The path of the job' },
    },
    200: {
      description: 'The same request was accepted before; this is its job',
      schema: job,
      example: exampleNewJob,
      headers: replayed,
    },
  },
  problems: ['unknown_task_type', 'invalid_payload', 'payload_too_large', 'idempotency_key_reused'],
  handle: ({ body, headers, caller }, ctx) => scheduleJob(ctx, caller, body, headers['idempotency-key']),
});
