import { onOneClock } from '../clock.ts';
import { type Context, contextOf, type Env, type Invocation } from '../context.ts';
import { digest, sameDigest } from '../ids.ts';
import { counted, mayQuery } from '../query-count.ts';
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
    scheduled: async (_event, env, invocation) => runTick(spec, contextOf(env, invocation)),
    async fetch(request, env, invocation) {
      try {
        const ctx = contextOf(env, invocation);
        if (!mayTick(ctx, request))
          throw new Problem('unauthorized', 'Send the tick secret in the header x-tick-secret.');
        return Response.json(await runTick(spec, ctx));
      } catch (error) {
        return answerProblem(error, env);
      }
    },
  };
}

/** Time between two looks at work that is about to fall due. */
const MIN_PAUSE_MS = 100;

/**
 * Runs a tick, and where TICK_LINGER_MS allows again when it says that more falls due: on a platform whose crons
 * come once a minute a job that is due in ten seconds does not wait for the next.
 */
async function runTick(spec: TickSpec, host: Context): Promise<TickCounts> {
  const ctx = await onOneClock(counted(host), { anew: true });
  const end = ctx.now() + ctx.settings.TICK_LINGER_MS;
  let counts = await spec.run(ctx);
  while (counts.next_at !== undefined && counts.next_at < end && !ctx.env.STOPPING?.aborted && mayQuery(ctx)) {
    await ctx.sleep(Math.max(MIN_PAUSE_MS, counts.next_at - ctx.now()), ctx.env.STOPPING);
    counts = sum(counts, await spec.run(ctx));
  }
  return counts;
}

function sum({ next_at: _, ...before }: TickCounts, { next_at, ...now }: TickCounts): TickCounts {
  const names = Object.keys({ ...before, ...now });
  const total = Object.fromEntries(names.map((name) => [name, (before[name] ?? 0) + (now[name] ?? 0)]));
  return { ...total, ...(next_at !== undefined && { next_at }) };
}

/** Whether the request knows TICK_SECRET; nobody does while it is not set. */
export function mayTick(ctx: Context, request: Request): boolean {
  const given = request.headers.get('x-tick-secret');
  const secret = ctx.settings.TICK_SECRET;
  return Boolean(secret && given) && sameDigest(digest(given as string), digest(secret));
}
