import * as z from 'zod/mini';
import { taskInfo } from '../core/console-schemas.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { tasks } from '../core/tasks/index.ts';

export default endpoint({
  name: 'list-tasks',
  method: 'GET',
  path: '/v1/tasks',
  summary: 'List task types, each with the JSON Schema of its payload',
  access: 'user',
  responses: {
    200: {
      description: 'The task types',
      schema: z.object({ items: z.array(taskInfo) }),
      example: {
        items: [
          {
            type: 'sleep',
            summary: 'Waits for `ms` milliseconds.',
            payload: { type: 'object', required: ['ms'], properties: { ms: { type: 'integer' } } },
            example: { ms: 1000 },
          },
        ],
      },
    },
  },
  handle: async () => {
    const items = tasks.map(({ type, summary, payload, example }) => ({
      ...{ type, summary, example },
      payload: z.toJSONSchema(payload, { io: 'input', unrepresentable: 'any' }),
    }));
    return { status: 200, body: { items } };
  },
});
