// The gateway as the local runtime runs it: with a way to stop gently, and with the host's guarded way out.
import type { Env, Fetcher } from '../../core/context.ts';
// @ts-expect-error: it is built beside this module
import gateway from '../cloudflare/worker/gateway.mjs';
import { FAILED, STOP } from './between.ts';

let stopping = false;
const owns = new WeakMap<Env, Env>();

function ownEnv(env: Env): Env {
  const own = owns.get(env) ?? {
    ...env,
    STOPPED: () => stopping,
    ...(env.OUTBOUND && { OUTBOUND: throwing(env.OUTBOUND) }),
  };
  owns.set(env, own);
  return own;
}

/** A binding can only answer: what it says went wrong is thrown again here. */
const throwing = (outbound: Fetcher): Fetcher => ({
  async fetch(request, init) {
    const answer = await outbound.fetch(request, init);
    if (!answer.headers.has(FAILED)) return answer;
    const { message, code } = (await answer.json()) as { message: string; code?: string };
    throw Object.assign(new Error(message), { code });
  },
});

let busy = 0;

async function counted<Result>(work: () => Promise<Result>): Promise<Result> {
  busy += 1;
  try {
    return await work();
  } finally {
    busy -= 1;
  }
}

const LOOK_MS = 20;

async function stop(): Promise<void> {
  stopping = true;
  while (busy > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

export default {
  fetch: (request: Request, env: Env, execution: unknown) =>
    counted(async () => gateway.fetch(request, ownEnv(env), execution)),
  /** Runs ticks, or, for the schedule STOP, tells those that run to stop and waits until they have. */
  scheduled: (event: { cron: string }, env: Env, execution: unknown) =>
    event.cron === STOP ? stop() : counted(async () => gateway.scheduled(event, ownEnv(env), execution)),
};
