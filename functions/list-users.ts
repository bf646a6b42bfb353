import * as z from 'zod/mini';
import { listUsers } from '../core/access/users.ts';
import { exampleUser } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { pageOf, paging, user } from '../core/schemas.ts';

export default endpoint({
  name: 'list-users',
  method: 'GET',
  path: '/v1/users',
  summary: 'List users, newest first',
  access: 'admin',
  query: z.strictObject(paging),
  responses: {
    200: { description: 'A page of users', schema: pageOf(user), example: { items: [exampleUser], next_cursor: null } },
  },
  problems: ['bad_cursor'],
  handle: async ({ query, caller }, ctx) => ({ status: 200, body: await listUsers(ctx, query, caller) }),
});
