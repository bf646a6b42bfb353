import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { Env, Invocation } from '../core/context.ts';
import { answerProblem } from '../core/http/endpoint.ts';
import { unrouted } from '../core/http/unrouted.ts';
import { requestIdOf } from '../core/ids.ts';
import type { Loaded } from './functions.ts';
import type { ManifestEntry } from './manifest.ts';

/** What the router needs of a function: the manifest's entry, and `fetch`. */
export type Routed = ManifestEntry & Pick<Loaded, 'fetch'>;

/** What the router keeps of a request while it is under way. */
interface Kept<Bindings> {
  Bindings: Bindings;
  Variables: { requestId: string };
}

/** Routes requests to functions by the manifest, and logs a line for each, with its id. `invocationOf` is what the host knows of one. */
export function makeRouter<Bindings extends object = HttpBindings>(
  functions: readonly Routed[],
  env: Env,
  invocationOf: (c: Context<{ Bindings: Bindings }>) => Invocation = ofNode,
): Hono<Kept<Bindings>> {
  const app = new Hono<Kept<Bindings>>();
  app.use(async (c, next) => {
    const start = performance.now();
    const requestId = requestIdOf(env);
    c.set('requestId', requestId);
    await next();
    const ms = Math.round((performance.now() - start) * 100) / 100;
    env.LOG?.('info', 'request', {
      request_id: requestId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms,
    });
  });
  const known = (c: Context<Kept<Bindings>>): Invocation => ({
    ...invocationOf(c as unknown as Context<{ Bindings: Bindings }>),
    requestId: c.get('requestId'),
  });
  // Literal paths go first: /v1/jobs/report is not the job called "report".
  const ordered = [...functions].sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')));
  for (const { method, path, fetch } of ordered) {
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) => fetch(c.req.raw, env, known(c)));
  }
  app.all('*', (c) => unrouted(c.req.raw, env, known(c), functions));
  app.onError((error, c) => answerProblem(error, env, c.get('requestId')));
  return app;
}

const ofNode = ({ env }: { env: object }): Invocation => ({
  client: (env as HttpBindings).incoming.socket.remoteAddress ?? 'unknown',
});
