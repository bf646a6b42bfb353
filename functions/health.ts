import * as z from 'zod/mini';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { version } from '../core/version.ts';
import { newestMigration } from '../core/views/health.ts';

export default endpoint({
  name: 'health',
  method: 'GET',
  path: '/healthz',
  summary: 'Whether the service and its database answer',
  access: 'anyone',
  limited: false,
  responses: {
    200: {
      description: 'The database answers',
      schema: z.object({ status: z.literal('ok'), version: z.string(), migration: z.string() }),
      example: { status: 'ok', version, migration: '0003_cheaper_conditions.sql' },
    },
  },
  handle: async (_, ctx) => {
    const migration = await newestMigration(ctx);
    if (!migration) throw new Problem('database_unavailable', 'The database is not migrated.');
    return { status: 200, body: { status: 'ok', version, migration } };
  },
});
