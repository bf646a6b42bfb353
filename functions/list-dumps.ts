import * as z from 'zod/mini';
import { since, snapshots } from '../core/console-schemas.ts';
import { fromTimestamp } from '../core/context.ts';
import { exampleSnapshot } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { count } from '../core/schemas.ts';
import { listDumps } from '../core/views/dumps.ts';

const HOUR_MS = 3_600_000;

export default endpoint({
  name: 'list-dumps',
  method: 'GET',
  path: '/v1/dumps',
  summary: 'List snapshots of the report, oldest first',
  description:
    'One is taken a minute and kept for DUMP_RETENTION_DAYS. At most the newest 1,500 are answered. `coordinated_at` is when the newest was taken, `claimed_at` when a worker had last claimed a job by then.',
  access: 'admin',
  query: z.strictObject({
    since: z.optional(since.check(z.describe('RFC 3339; an hour ago where it is left out'))),
    every: count(1, 1, 1440, 'Minutes from one snapshot to the next'),
  }),
  responses: {
    200: {
      description: 'The snapshots',
      schema: snapshots,
      example: { items: [exampleSnapshot], coordinated_at: exampleSnapshot.at, claimed_at: exampleSnapshot.at },
    },
  },
  handle: async ({ query }, ctx) => {
    const from = query.since === undefined ? ctx.now() - HOUR_MS : fromTimestamp(query.since);
    return { status: 200, body: await listDumps(ctx, from, query.every) };
  },
});
