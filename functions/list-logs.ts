import * as z from 'zod/mini';
import { exampleLog } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { level, logEntry, pageOf, paging, text } from '../core/schemas.ts';
import { listLogs } from '../core/views/logs.ts';

export default endpoint({
  name: 'list-logs',
  method: 'GET',
  path: '/v1/logs',
  summary: 'List log entries, newest first',
  description: "Of the caller's jobs; an admin sees all. A filtered page may be short and still have a next_cursor.",
  access: 'user',
  query: z.strictObject({
    ...paging,
    job_id: z.optional(text(1, 64)),
    level: z.optional(level),
    event: z.optional(text(1, 64)),
  }),
  responses: {
    200: {
      description: 'A page of log entries',
      schema: pageOf(logEntry),
      example: { items: [exampleLog], next_cursor: null },
    },
  },
  problems: ['bad_cursor', 'not_found'],
  handle: async ({ query, caller }, ctx) => ({ status: 200, body: await listLogs(ctx, query, caller) }),
});
