// The gateway Worker: every function of the manifest behind one address, each loaded when it is first called.
import type { Env, Invocation, LogLevel } from '../../core/context.ts';
import type { TickCounts } from '../../core/http/tick.ts';
import type { Loaded } from '../functions.ts';
import type { ManifestEntry } from '../manifest.ts';
import { makeRouter } from '../router.ts';

/** The manifest's functions, put here when the gateway is bundled. */
declare const FUNCTIONS: readonly ManifestEntry[];

/** What the platform hands to a Worker beside the bindings. */
interface Execution {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
  props: unknown;
}

async function load({ file }: ManifestEntry): Promise<Loaded> {
  const path = `./${file}`;
  return (await import(path)).default;
}

const functions = FUNCTIONS.map((entry) => ({
  ...entry,
  fetch: async (request: Request, env: Env, invocation?: Invocation) =>
    entry.kind === 'tick'
      ? callTick(entry, request, env, invocation)
      : (await load(entry)).fetch(request, env, invocation),
}));
const ticks = FUNCTIONS.filter(({ kind }) => kind === 'tick');

const routers = new WeakMap<object, { env: Env; router: ReturnType<typeof makeRouter<object>> }>();

/** The env and the router over these bindings; a platform hands the same ones to every call of an isolate. */
function hostOf(bindings: Env) {
  let made = routers.get(bindings);
  if (!made) {
    const env: Env = { ...bindings, LOG: makeLog(String(bindings.LOG_LEVEL || 'info')) };
    const invocationOf = (c: { req: { header(name: string): string | undefined }; executionCtx: Execution }) => ({
      client: c.req.header('cf-connecting-ip') ?? 'unknown',
      waitUntil: (work: Promise<unknown>) => c.executionCtx.waitUntil(work),
    });
    made = { env, router: makeRouter<object>(functions, env, invocationOf) };
    routers.set(bindings, made);
  }
  return made;
}

const levels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];

const makeLog = (least: string) => (level: LogLevel, message: string, data?: Record<string, unknown>) => {
  if (levels.indexOf(level) >= levels.indexOf(least)) console[level](JSON.stringify({ level, message, ...data }));
};

/** A tick over HTTP. On Cloudflare it may be ended 30 s after its caller was answered: TICK_CALL_MS ends it gently before. */
function callTick(entry: ManifestEntry, request: Request, env: Env, invocation?: Invocation): Promise<Response> {
  const work = inItsOwnEnv(env, Number(env.TICK_CALL_MS) || Number.POSITIVE_INFINITY, async (own) => {
    const start = performance.now();
    const answer = await (await load(entry)).fetch(request, own, invocation);
    if (answer.ok) logTick(env, entry, (await answer.clone().json()) as TickCounts, start);
    return answer;
  });
  // A caller that hangs up does not end it.
  invocation?.waitUntil?.(work.catch(() => {}));
  return work;
}

/** A tick by its cron; Cloudflare gives it 15 minutes. */
async function runTick(entry: ManifestEntry, event: unknown, env: Env, invocation: Invocation): Promise<void> {
  const start = performance.now();
  try {
    const tick = await load(entry);
    const counts = await inItsOwnEnv(env, Number.POSITIVE_INFINITY, async (own) =>
      tick.scheduled?.(event, own, invocation),
    );
    if (counts) logTick(env, entry, counts, start);
  } catch (error) {
    env.LOG?.('error', 'tick failed', { tick: entry.name, cause: String((error as Error)?.stack ?? error) });
    throw error;
  }
}

const LOOK_MS = 100;

/**
 * Runs a tick in an env of its own: calls of one isolate may not touch each other's timers and signals, and one that
 * the platform ends would leave its worker behind for the others to join. Its STOPPING aborts after `ms`, and when
 * STOPPED, which only the local runtime has, says so.
 */
async function inItsOwnEnv<Result>(env: Env, ms: number, work: (own: Env) => Promise<Result>): Promise<Result> {
  const stopping = new AbortController();
  const end = Date.now() + ms;
  const stopped = env.STOPPED as (() => boolean) | undefined;
  const look = () => {
    if (Date.now() >= end || stopped?.()) stopping.abort();
  };
  look();
  const timer = stopped || Number.isFinite(ms) ? setInterval(look, LOOK_MS) : undefined;
  try {
    return await work({ ...env, STOPPING: stopping.signal });
  } finally {
    clearInterval(timer);
  }
}

function logTick(env: Env, { name }: ManifestEntry, { next_at: _, ...counts }: TickCounts, start: number): void {
  const idle = Object.values(counts).every((n) => n === 0);
  env.LOG?.(idle ? 'debug' : 'info', 'tick', { tick: name, ...counts, ms: Math.round(performance.now() - start) });
}

export default {
  fetch: (request: Request, bindings: Env, execution: Execution): Response | Promise<Response> =>
    hostOf(bindings).router.fetch(request, bindings, execution),

  /** Runs the tick of this name or the ticks of this schedule; all of them where it is nobody's. */
  async scheduled(event: { cron: string }, bindings: Env, execution: Execution): Promise<void> {
    const { env } = hostOf(bindings);
    const mine = ticks.filter(({ name, cron, cron_setting = '' }) =>
      [name, bindings[cron_setting] || cron].includes(event.cron),
    );
    const invocation = { waitUntil: (work: Promise<unknown>) => execution.waitUntil(work) };
    const runs = (mine.length > 0 ? mine : ticks).map((entry) => runTick(entry, event, env, invocation));
    // One that fails does not stop another.
    for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason;
  },
};
