import * as z from 'zod/mini';
import { fromTimestamp } from '../context.ts';
import { PermanentError, RetryAfter, type TaskContext, type TaskJob, task } from '../task.ts';

const MAX_ANSWER_BYTES = 65_536;
const MAX_EXCERPT = 1000;

// Headers that the connection or the signature needs for itself.
const reserved =
  /^(host|connection|content-length|transfer-encoding|upgrade|keep-alive|te|trailer|expect|webhook-.*|proxy-.*)$/i;

const headerName = z.string().check(
  z.regex(/^[!#$%&'*+.^_`|~\w-]{1,100}$/),
  z.refine((name) => !reserved.test(name), 'this header is not yours to set'),
);
const headerValue = z.string().check(z.maxLength(4096), z.regex(/^[\t\x20-\x7e]*$/));
const noUser = z.refine<string>((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return !url?.username && !url?.password;
}, 'a URL may not hold a user or a password');

const payload = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).check(z.maxLength(2048), noUser),
    method: z.optional(z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])),
    headers: z.optional(
      z
        .record(headerName, headerValue)
        .check(z.refine((headers) => Object.keys(headers).length <= 50, 'at most 50 headers')),
    ),
    body: z.optional(z.unknown()),
  })
  .check(
    z.refine(({ method, body }) => method !== 'GET' || body === undefined, {
      path: ['body'],
      message: 'GET takes no body',
    }),
  );

/** Calls a URL. Signed by the Standard Webhooks scheme (https://www.standardwebhooks.com) when WEBHOOK_SECRET is set. */
export default task({
  type: 'webhook',
  summary: 'Sends an HTTP request; 2xx is success, redirects are not followed.',
  payload,
  example: { url: 'https://example.com/hook', body: { hello: 'world' } },
  run: async (job, ctx) => {
    const response = await call(job, ctx);
    const text = ctx.settings.WEBHOOK_EXCERPT ? await readExcerpt(response) : await discard(response);
    if (response.ok) return { status: response.status, body: text };
    const problem = `The receiver answered ${response.status}${text ? `: ${text}` : ''}`;
    if ([408, 425, 429].includes(response.status) || response.status >= 500)
      throw new RetryAfter(retryAfter(response, ctx.now()), problem);
    throw new PermanentError(response.status < 400 ? `${problem} (redirects are not followed)` : problem);
  },
});

type Payload = z.output<typeof payload>;

async function call(job: TaskJob<Payload>, ctx: TaskContext): Promise<Response> {
  const { url, method = 'POST', headers, body } = job.payload;
  const content = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const request = {
    method,
    redirect: 'manual' as const,
    signal: ctx.signal,
    headers: {
      ...typeOf(body),
      'user-agent': 'escapement',
      ...inSmallLetters(headers),
      ...(await signature(job.id, content, ctx)),
    },
    ...(body !== undefined && { body: content }),
  };
  try {
    return await ctx.fetch(url, request);
  } catch (error) {
    const cause = ((error as Error).cause ?? error) as Error & { code?: string };
    if (cause.code === 'ADDRESS_REFUSED') throw new PermanentError(cause.message);
    throw new Error(`The receiver could not be reached: ${cause.message || cause.code || cause.name}`);
  }
}

/** So that a header of the job takes the place of ours: as two spellings of one name, both would be sent. */
const inSmallLetters = (headers: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const typeOf = (body: unknown): Record<string, string> =>
  body === undefined
    ? {}
    : { 'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json' };

async function signature(id: string, content: string, ctx: TaskContext): Promise<Record<string, string>> {
  const seconds = Math.floor(ctx.now() / 1000);
  const names = { 'webhook-id': id, 'webhook-timestamp': String(seconds) };
  const secret = ctx.settings.WEBHOOK_SECRET;
  if (!secret) return names;
  const { Webhook } = await import('standardwebhooks');
  // The library takes a Date but reads nothing of it but getTime().
  const date = { getTime: () => seconds * 1000 } as Date;
  return { ...names, 'webhook-signature': new Webhook(secret).sign(id, date, content) };
}

/** Reads at most 64 KB of an answer, however long it is, and keeps the first 1,000 characters. */
async function readExcerpt(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    length += next.value.length;
    if (text.length < MAX_EXCERPT) text += decoder.decode(next.value, { stream: true });
    if (length >= MAX_ANSWER_BYTES) {
      await reader?.cancel().catch(() => {});
      break;
    }
  }
  return text.slice(0, MAX_EXCERPT).replaceAll('\u0000', '');
}

/** Nothing of an answer, which may be a secret of the receiver's: null where an excerpt would stand. */
async function discard(response: Response): Promise<null> {
  await response.body?.cancel();
  return null;
}

/** Milliseconds that Retry-After asks for, as seconds or as a date; 0 where it asks for nothing. */
function retryAfter(response: Response, now: number): number {
  const value = response.headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = fromTimestamp(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
