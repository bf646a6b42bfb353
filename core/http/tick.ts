import { type Context, contextOf, type Env, type Invocation } from '../context.ts';
import { digest, sameDigest } from '../ids.ts';
import type { Settings } from '../settings.ts';
import { answerProblem } from './endpoint.ts';
import { Problem } from './problem.ts';

/** What a tick did: a count for each thing it can do. `next_at`, where it is known, is when more work falls due. */
export type TickCounts = Record<string, number>;

/** A tick as its file describes it. `cron` names the setting that holds its schedule. */
export interface TickSpec {
  name: string;
  cron: keyof Settings;
  summary: string;
  counts: Record<string, string>;
  run(ctx: Context): Promise<TickCounts>;
}

export interface Tick extends TickSpec {
  method: 'POST';
  path: string;
  scheduled(event: unknown, env: Env, invocation?: Invocation): Promise<TickCounts>;
  fetch(request: Request, env: Env, invocation?: Invocation): Promise<Response>;
}

/** Makes a description a function that a platform can run on a schedule, or over HTTP with the tick secret. */
export function tick(spec: TickSpec): Tick {
  return {
    ...spec,
    method: 'POST',
    path: `/v1/ticks/${spec.name}`,
    scheduled: (_event, env, invocation) => spec.run(contextOf(env, invocation)),
    async fetch(request, env, invocation) {
      try {
        const ctx = contextOf(env, invocation);
        if (!mayTick(ctx, request))
          throw new Problem('unauthorized', 'Send the tick secret in the header x-tick-secret.');
        return Response.json(await spec.run(ctx));
      } catch (error) {
        return answerProblem(error, env);
      }
    },
  };
}

/** Whether the request knows TICK_SECRET; nobody does while it is not set. */
export function mayTick(ctx: Context, request: Request): boolean {
  const given = request.headers.get('x-tick-secret');
  const secret = ctx.settings.TICK_SECRET;
  return Boolean(secret && given) && sameDigest(digest(given as string), digest(secret));
}
