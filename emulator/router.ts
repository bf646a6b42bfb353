import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { Env } from '../core/context.ts';
import { answerProblem } from '../core/http/endpoint.ts';
import { unrouted } from '../core/http/unrouted.ts';
import type { Loaded } from './functions.ts';

type Bindings = { Bindings: HttpBindings };

/** Routes requests to functions by the manifest, and logs a line for each. */
export function makeRouter(functions: readonly Loaded[], env: Env): Hono<Bindings> {
  const app = new Hono<Bindings>();
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    const ms = Math.round((performance.now() - start) * 100) / 100;
    env.LOG?.('info', 'request', { method: c.req.method, path: c.req.path, status: c.res.status, ms });
  });
  // Literal paths go first: /v1/jobs/report is not the job called "report".
  const ordered = [...functions].sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')));
  for (const { method, path, fetch } of ordered) {
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) => fetch(c.req.raw, env, { client: clientOf(c.env) }));
  }
  app.all('*', (c) => unrouted(c.req.raw, env, { client: clientOf(c.env) }, functions));
  app.onError((error) => answerProblem(error, env));
  return app;
}

const clientOf = (bindings: HttpBindings): string => bindings.incoming.socket.remoteAddress ?? 'unknown';
