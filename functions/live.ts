import * as z from 'zod/mini';
import { news } from '../core/console-schemas.ts';
import { exampleNews } from '../core/examples.ts';
import { endpoint } from '../core/http/endpoint.ts';
import { count, text } from '../core/schemas.ts';
import { lines, live } from '../core/views/live.ts';

export default endpoint({
  name: 'live',
  method: 'GET',
  path: '/v1/live',
  summary: 'Watch the counts and the log as they change',
  description:
    'Each line is a JSON object. Without `wait` it answers one, at once. With it, it waits for something to be logged after the cursor `after`; with `follow` it goes on and answers a line for each change, at most two a second, until the wait is over. A call counts as one request.',
  access: 'user',
  query: z.strictObject({
    after: z.optional(text(1, 200).check(z.describe('The cursor of the news before'))),
    wait: count(0, 0, 20, 'Seconds to wait for news'),
    follow: z._default(z.enum(['true', 'false']), 'false'),
  }),
  responses: {
    200: {
      description: 'News, one JSON object a line',
      media: 'application/x-ndjson',
      schema: news,
      example: exampleNews,
    },
  },
  problems: ['bad_cursor'],
  handle: async ({ query, caller }, ctx) => {
    const watch = { ...query, follow: query.follow === 'true' };
    const body = await lines(ctx, (signal) => live(ctx, caller, watch, signal));
    return { status: 200, body, headers: { 'cache-control': 'no-store' } };
  },
});
