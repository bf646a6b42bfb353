import * as z from 'zod/mini';
import { exampleJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { toJob } from '../core/lifecycle/job.ts';
import { idempotencyKey, job, ownerId, pageOf, paging, status, taskType } from '../core/schemas.ts';
import { listJobs } from '../core/views/jobs.ts';
import { searchJobs } from '../core/views/search.ts';

export default endpoint({
  name: 'list-jobs',
  method: 'GET',
  path: '/v1/jobs',
  summary: 'List jobs, newest first',
  description:
    'A filtered page may be short, even empty, and still have a next_cursor: only a null next_cursor is the end. `q` finds jobs by id or key, on one page.',
  access: 'user',
  query: z.strictObject({
    ...paging,
    status: z.optional(status),
    task_type: z.optional(taskType),
    owner_id: z.optional(ownerId.check(z.describe('For admins: whose jobs'))),
    q: z.optional(idempotencyKey.check(z.describe('The id or the idempotency key of what is looked for'))),
  }),
  responses: {
    200: { description: 'A page of jobs', schema: pageOf(job), example: { items: [exampleJob], next_cursor: null } },
  },
  problems: ['bad_cursor', 'forbidden'],
  handle: async ({ query, caller }, ctx) => {
    if (query.owner_id !== undefined && caller.role !== 'admin')
      throw new Problem('forbidden', 'Only an admin may name an owner.');
    if (query.q !== undefined) {
      if (query.cursor !== undefined) throw new Problem('bad_cursor', 'What q finds is on one page.');
      const found = await searchJobs(ctx, query.q, query, caller);
      return { status: 200, body: { items: found.map(toJob), next_cursor: null } };
    }
    const { rows, next_cursor } = await listJobs(ctx, query, caller);
    return { status: 200, body: { items: rows.map(toJob), next_cursor } };
  },
});
