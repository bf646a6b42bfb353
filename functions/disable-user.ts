import { disableUser, toUser } from '../core/access/users.ts';
import { exampleUser } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';
import { idParam, user } from '../core/schemas.ts';

export default endpoint({
  name: 'disable-user',
  method: 'POST',
  path: '/v1/users/{id}/disable',
  summary: 'Disable a user; its token is worth nothing from now on',
  access: 'admin',
  params: idParam,
  responses: {
    200: {
      description: 'The user',
      schema: user,
      example: { ...exampleUser, disabled_at: '2026-11-24T10:00:00.000Z' },
    },
  },
  problems: ['not_found', 'last_admin'],
  handle: async ({ params }, ctx) => {
    const row = await disableUser(ctx, params.id);
    if (!row) throw new Problem('not_found', 'There is no user with this id.');
    if (row.disabled_at === null)
      throw new Problem('last_admin', 'Nobody could let another admin in; create one first.');
    return { status: 200, body: toUser(row) };
  },
});
