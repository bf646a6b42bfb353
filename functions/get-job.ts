import { exampleJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { toJob } from '../core/lifecycle/job.ts';
import { idParam, job } from '../core/schemas.ts';
import { findJob } from '../core/views/jobs.ts';

export default endpoint({
  name: 'get-job',
  method: 'GET',
  path: '/v1/jobs/{id}',
  summary: 'Get a job',
  access: 'user',
  params: idParam,
  responses: { 200: { description: 'The job', schema: job, example: exampleJob } },
  problems: ['not_found'],
  handle: async ({ params, caller }, ctx) => {
    const row = await findJob(ctx, params.id, caller);
    if (!row) throw new Problem('not_found', 'There is no job with this id.');
    return { status: 200, body: toJob(row) };
  },
});
