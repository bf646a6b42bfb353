import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import type { Env, Invocation } from '../../core/context.ts';
import { envOf } from './lambda-env.ts';

/** A function of dist/functions: an endpoint has `fetch`, a tick has `scheduled`, too. */
interface Deployed {
  fetch(request: Request, env: Env, invocation?: Invocation): Promise<Response>;
  scheduled?(event: unknown, env: Env, invocation?: Invocation): Promise<Record<string, number>>;
}

interface HttpEvent {
  requestContext: { http: { method: string; sourceIp: string } };
}

/** Time before Lambda's own end at which a tick stops: its handlers get five seconds, then their jobs go back. */
const STOP_BEFORE_MS = 10_000;

/**
 * Makes a function a Lambda handler. It takes HTTP events of API Gateway (payload format 2.0) and of function URLs;
 * a tick takes EventBridge's scheduled events, too. The environment's variables are the settings.
 */
export function adapt(deployed: Deployed): (event: unknown, lambda?: LambdaContext) => Promise<unknown> {
  let known: Env | undefined;
  return async (event, lambda) => {
    known ??= envOf(process.env);
    const later: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>) => void later.push(work);
    // What is measured for an endpoint's env, such as the clock's offset, lives as long as the env. A tick measures anew.
    const { env, over } = deployed.scheduled ? stoppedInTime(known, lambda) : { env: known, over: () => {} };
    try {
      if (isHttp(event)) {
        const client = event.requestContext.http.sourceIp;
        // Lambda's own lines of the log have its id.
        const invocation = { waitUntil, client, ...(lambda?.awsRequestId && { requestId: lambda.awsRequestId }) };
        return await answer(event, lambda, (request) => deployed.fetch(request, env, invocation));
      }
      if (!deployed.scheduled || !isSchedule(event))
        throw new Error('This function takes HTTP events of API Gateway; a tick takes those of EventBridge schedules.');
      const counts = await deployed.scheduled(event, env, { waitUntil });
      env.LOG?.('info', 'tick', counts);
      return counts;
    } finally {
      over();
      await Promise.allSettled(later);
    }
  };
}

const isHttp = (event: unknown): event is HttpEvent =>
  Boolean((event as Partial<HttpEvent> | null)?.requestContext?.http?.method);

/** EventBridge's rules and its scheduler name themselves as the source. */
const isSchedule = (event: unknown): boolean =>
  /^aws\.(events|scheduler)$/.test(String((event as { source?: unknown } | null)?.source));

/** An env whose STOPPING aborts before Lambda cuts the invocation off, so that no job is left under lease. */
function stoppedInTime(known: Env, lambda: LambdaContext | undefined): { env: Env; over: () => void } {
  const stopping = new AbortController();
  const left = lambda?.getRemainingTimeInMillis();
  const alarm = left && setTimeout(() => stopping.abort(), Math.max(0, left - STOP_BEFORE_MS));
  return { env: { ...known, STOPPING: stopping.signal }, over: () => clearTimeout(alarm) };
}

async function answer(event: HttpEvent, lambda: LambdaContext | undefined, run: (request: Request) => unknown) {
  const { method } = event.requestContext.http;
  // A body means nothing to GET and HEAD, and a Request may not have one with them.
  const bodiless = method === 'GET' || method === 'HEAD' ? { ...event, body: null } : event;
  const handler = handle({ fetch: run } as unknown as Parameters<typeof handle>[0]);
  const result = await handler(bodiless as unknown as LambdaEvent, lambda);
  return method === 'HEAD' ? { ...result, body: '' } : result;
}
