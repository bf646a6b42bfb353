import { rotateToken } from '../core/access/users.ts';
import { exampleUser } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { idParam, newUser } from '../core/schemas.ts';

export default endpoint({
  name: 'rotate-user',
  method: 'POST',
  path: '/v1/users/{id}/rotate',
  summary: 'Give a user a new token in place of the old one',
  description:
    'The token is in this answer and nowhere else, and the old one is worth nothing from now on. Where the answer was lost, rotate again.',
  access: 'admin',
  params: idParam,
  responses: {
    200: {
      description: 'The user and its new token',
      schema: newUser,
      example: { ...exampleUser, token: 'b3d1c7a2-5e0f-4f6b-8a94-2c7d1e9f3b60' },
    },
  },
  problems: ['not_found', 'sole_admin', 'user_disabled'],
  handle: async ({ params, caller }, ctx) => ({ status: 200, body: await rotateToken(ctx, params.id, caller) }),
});
