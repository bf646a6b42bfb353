import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { Env, Invocation } from '../core/context.ts';
import { answerProblem } from '../core/http/endpoint.ts';
import { unrouted } from '../core/http/unrouted.ts';
import type { Loaded } from './functions.ts';
import type { ManifestEntry } from './manifest.ts';

/** What the router needs of a function: the manifest's entry, and `fetch`. */
export type Routed = ManifestEntry & Pick<Loaded, 'fetch'>;

/** Routes requests to functions by the manifest, and logs a line for each. `invocationOf` is what the host knows of one. */
export function makeRouter<Bindings extends object = HttpBindings>(
  functions: readonly Routed[],
  env: Env,
  invocationOf: (c: Context<{ Bindings: Bindings }>) => Invocation = ofNode,
): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    const ms = Math.round((performance.now() - start) * 100) / 100;
    env.LOG?.('info', 'request', { method: c.req.method, path: c.req.path, status: c.res.status, ms });
  });
  // Literal paths go first: /v1/jobs/report is not the job called "report".
  const ordered = [...functions].sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')));
  for (const { method, path, fetch } of ordered) {
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) => fetch(c.req.raw, env, invocationOf(c)));
  }
  app.all('*', (c) => unrouted(c.req.raw, env, invocationOf(c), functions));
  app.onError((error) => answerProblem(error, env));
  return app;
}

const ofNode = ({ env }: { env: object }): Invocation => ({
  client: (env as HttpBindings).incoming.socket.remoteAddress ?? 'unknown',
});
