import * as z from 'zod/mini';
import { exampleJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { toJob } from '../core/lifecycle/job.ts';
import { job, ownerId, pageOf, paging, status, taskType } from '../core/schemas.ts';
import { listJobs } from '../core/views/jobs.ts';

export default endpoint({
  name: 'list-jobs',
  method: 'GET',
  path: '/v1/jobs',
  summary: 'List jobs, newest first',
  description:
    'A filtered page may be short, even empty, and still have a next_cursor: only a null next_cursor is the end.',
  access: 'user',
  query: z.strictObject({
    ...paging,
    status: z.optional(status),
    task_type: z.optional(taskType),
    owner_id: z.optional(ownerId.check(z.describe('For admins: whose jobs'))),
  }),
  responses: {
    200: { description: 'A page of jobs', schema: pageOf(job), example: { items: [exampleJob], next_cursor: null } },
  },
  problems: ['bad_cursor', 'forbidden'],
  handle: async ({ query, caller }, ctx) => {
    if (query.owner_id !== undefined && caller.role !== 'admin')
      throw new Problem('forbidden', 'Only an admin may name an owner.');
    const { rows, next_cursor } = await listJobs(ctx, query, caller);
    return { status: 200, body: { items: rows.map(toJob), next_cursor } };
  },
});
