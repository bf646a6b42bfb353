import type { Env, Invocation } from '../../core/context.ts';
import { unrouted } from '../../core/http/unrouted.ts';

/** Method and path of every function, put here when this is bundled. */
declare const ROUTES: { method: string; path: string }[];

/** What API Gateway's $default route calls: the problem for a request that no other route takes. */
export default {
  fetch: (request: Request, env: Env, invocation: Invocation = {}): Promise<Response> =>
    unrouted(request, env, invocation, ROUTES),
};
