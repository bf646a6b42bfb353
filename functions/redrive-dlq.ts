import * as z from 'zod/mini';
import { exampleBuriedJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { toJob } from '../core/lifecycle/job.ts';
import { redriveMany } from '../core/lifecycle/redrive.ts';
import { bulkRedriveRequest, job } from '../core/schemas.ts';
import { wake } from '../core/wake.ts';

export default endpoint({
  name: 'redrive-dlq',
  method: 'POST',
  path: '/v1/dlq/redrive',
  summary: 'Redrive many jobs of the dead-letter queue, oldest first',
  description: 'With `dry_run` nothing changes: `matched` and up to 10 jobs as a `sample` say what would.',
  access: 'admin',
  body: bulkRedriveRequest,
  bodyExample: { reason: 'The mail server is back', task_type: 'sendEmail', dry_run: true },
  responses: {
    200: {
      description: 'What matched and what was redriven',
      schema: z.object({ matched: z.int(), redriven: z.int(), sample: z.array(job) }),
      example: { matched: 1, redriven: 0, sample: [exampleBuriedJob] },
    },
  },
  handle: async ({ body, caller }, ctx) => {
    const { reason: why, limit, dry_run, task_type = null, owner_id = null, error_contains = null } = body;
    const filter = { task_type, owner_id, error_contains };
    const { matched, redriven, sample } = await redriveMany(ctx, filter, dry_run ? 0 : limit, caller.id, why);
    if (redriven > 0) wake(ctx);
    return { status: 200, body: { matched, redriven, sample: sample.map(toJob) } };
  },
});
