import { exampleNewJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { toJob } from '../core/lifecycle/job.ts';
import { redriveOne } from '../core/lifecycle/redrive.ts';
import { idParam, job, redriveRequest } from '../core/schemas.ts';
import { findJob, scopeOf } from '../core/views/jobs.ts';
import { wake } from '../core/wake.ts';

export default endpoint({
  name: 'redrive-job',
  method: 'POST',
  path: '/v1/jobs/{id}/redrive',
  summary: 'Take a job out of the dead-letter queue and run it again',
  access: 'user',
  params: idParam,
  body: redriveRequest,
  bodyExample: { reason: 'The receiver was mended' },
  responses: { 200: { description: 'The job, pending again', schema: job, example: exampleNewJob } },
  problems: ['not_found', 'job_not_in_dlq'],
  handle: async ({ params, body, caller }, ctx) => {
    const row = await redriveOne(ctx, params.id, scopeOf(caller), caller.id, body.reason);
    if (row) {
      wake(ctx);
      return { status: 200, body: toJob(row) };
    }
    const seen = await findJob(ctx, params.id, caller);
    if (!seen) throw new Problem('not_found', 'There is no job with this id.');
    throw new Problem(
      'job_not_in_dlq',
      `The job is ${seen.status}; only a job in the dead-letter queue can be redriven.`,
    );
  },
});
