import { exampleReport } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { report as reportSchema } from '../core/schemas.ts';
import { scopeOf } from '../core/views/jobs.ts';
import { report } from '../core/views/report.ts';

export default endpoint({
  name: 'report-jobs',
  method: 'GET',
  path: '/v1/jobs/report',
  summary: 'Count jobs by status and task type',
  description: "The caller's jobs; for an admin all jobs. `dlqItems` are the newest 100 in the dead-letter queue.",
  access: 'user',
  responses: { 200: { description: 'The report', schema: reportSchema, example: exampleReport } },
  handle: async ({ caller }, ctx) => ({ status: 200, body: await report(ctx, scopeOf(caller)) }),
});
