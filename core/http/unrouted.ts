import { admit } from '../access/admit.ts';
import { onOneClock } from '../clock.ts';
import { contextOf, type Env, type Invocation } from '../context.ts';
import { requestIdOf } from '../ids.ts';
import { answerProblem } from './endpoint.ts';
import { Problem } from './problem.ts';
import { matcherOf } from './route.ts';
import { mayTick } from './tick.ts';

/** Answers a request that no route takes: 405 with Allow where the path is known, else 404; 401 before either. */
export async function unrouted(
  request: Request,
  env: Env,
  invocation: Invocation,
  routes: readonly { method: string; path: string }[],
): Promise<Response> {
  const requestId = requestIdOf(env, invocation);
  let headers: Record<string, string> = {};
  try {
    const { pathname } = new URL(request.url);
    const ctx = await onOneClock(contextOf(env, invocation));
    if (!mayTick(ctx, request)) ({ headers } = await admit(ctx, request, 'user'));
    const methods = routes.filter(({ path }) => matcherOf(path)(pathname)).map(({ method }) => method);
    if (methods.length === 0) throw new Problem('not_found', 'No route has this path.');
    const allow = [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method)))].join(', ');
    throw new Problem('method_not_allowed', `This route takes ${allow}.`, { headers: { allow } });
  } catch (error) {
    return answerProblem(error, env, requestId, headers);
  }
}
