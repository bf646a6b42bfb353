import { exampleCancelledJob } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { cancel } from '../core/lifecycle/cancel.ts';
import { toJob } from '../core/lifecycle/job.ts';
import { idParam, job } from '../core/schemas.ts';
import { scopeOf } from '../core/views/jobs.ts';

export default endpoint({
  name: 'cancel-job',
  method: 'POST',
  path: '/v1/jobs/{id}/cancel',
  summary: 'Cancel a job',
  description:
    'A job that runs is cancelled as soon as its worker notices: `cancel_requested_at` is set, and `status` follows.',
  access: 'user',
  params: idParam,
  responses: { 200: { description: 'The job, cancelled or about to be', schema: job, example: exampleCancelledJob } },
  problems: ['not_found', 'job_finished'],
  handle: async ({ params, caller }, ctx) => {
    const { job: row, accepted } = await cancel(ctx, params.id, scopeOf(caller), caller.id);
    if (!row) throw new Problem('not_found', 'There is no job with this id.');
    if (!accepted)
      throw new Problem('job_finished', `The job is ${row.status}; only a job that has not ended can be cancelled.`);
    return { status: 200, body: toJob(row) };
  },
});
