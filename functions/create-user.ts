import { createUser } from '../core/access/users.ts';
import { exampleUser } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { newUser, userRequest } from '../core/schemas.ts';

export default endpoint({
  name: 'create-user',
  method: 'POST',
  path: '/v1/users',
  summary: 'Create a user',
  description: 'The token is in this answer and nowhere else.',
  access: 'admin',
  body: userRequest,
  bodyExample: { name: 'ada', role: 'user' },
  responses: {
    201: {
      description: 'The user and its token',
      schema: newUser,
      example: { ...exampleUser, token: '7c0f4f1e-3b1a-4c55-9d1e-6a2b8c9d0e1f' },
    },
  },
  handle: async ({ body }, ctx) => ({ status: 201, body: await createUser(ctx, body.name, body.role) }),
});
