import { admit } from '../access/admit.ts';
import { onOneClock } from '../clock.ts';
import { type Context, contextOf, type Env, type Invocation } from '../context.ts';
import { digest, requestIdOf, sameDigest } from '../ids.ts';
import { counted, mayQuery } from '../query-count.ts';
import type { Settings } from '../settings.ts';
import { type Woken, wake } from '../wake.ts';
import { answerProblem } from './endpoint.ts';
import { commonHeaders } from './headers.ts';
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
      const requestId = requestIdOf(env, invocation);
      let headers: Record<string, string> = {};
      try {
        const ctx = contextOf(env, invocation);
        if (!mayTick(ctx, request)) {
          // Whoever guesses is a stranger, and limited like one.
          ({ headers } = await admit(await onOneClock(ctx), request, 'anyone'));
          throw new Problem('unauthorized', 'Send the tick secret in the header x-tick-secret.');
        }
        return Response.json(await runTick(spec, ctx), { headers: commonHeaders(requestId) });
      } catch (error) {
        return answerProblem(error, env, requestId, headers);
      }
    },
  };
}

/** Time between two looks at work that is about to fall due. */
const MIN_PAUSE_MS = 100;

/**
 * Runs a tick, and where TICK_LINGER_MS allows again when it says that more falls due: on a platform whose crons
 * come once a minute a job that is due in ten seconds does not wait for the next. A call that has spent its time or
 * its queries before then hands on to one other call, never to more: calls must not multiply.
 */
async function runTick(spec: TickSpec, host: Context): Promise<TickCounts> {
  const ctx = await onOneClock(counted(host), { anew: true });
  const stopped = () => ctx.env.STOPPING?.aborted ?? false;
  const late = stopped();
  const end = ctx.now() + ctx.settings.TICK_LINGER_MS;
  let counts = await spec.run(ctx);
  // Handing on what is overdue would go round in circles while every slot is taken; the next cron will look.
  if (ctx.settings.TICK_LINGER_MS === 0) return counts;
  while (counts.next_at !== undefined && counts.next_at < end) {
    if (stopped() || ctx.now() >= end || !mayQuery(ctx)) {
      // One that was called when its host had begun to stop would go round in circles.
      if (!late) wake(ctx, spec.name as Woken);
      break;
    }
    if (!(await waitUntil(ctx, spec.name, counts.next_at))) break;
    counts = sum(counts, await spec.run(ctx));
  }
  return counts;
}

// For what time a call of this isolate waits, by tick. A courtesy, so that one of them waits and not all.
const waits = new WeakMap<Context['db'], Map<string, number>>();

/** Waits until `time`, or until the host stops. False, at once, where another call of the isolate waits no longer than that. */
async function waitUntil(ctx: Context, name: string, time: number): Promise<boolean> {
  const here = waits.get(ctx.env.DB) ?? new Map<string, number>();
  waits.set(ctx.env.DB, here);
  const now = ctx.now();
  const other = here.get(name) ?? 0;
  if (now < other && other <= time) return false;
  here.set(name, time);
  await ctx.sleep(Math.max(MIN_PAUSE_MS, time - now), ctx.env.STOPPING);
  if (here.get(name) === time) here.delete(name);
  return true;
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
