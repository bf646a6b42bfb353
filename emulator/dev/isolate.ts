// The powers inside a Worker. Each call of an isolate has timers of its own, so whoever sleeps looks at the clock
// again and again where in Node it would be woken.
import { type Env, type Fetcher, real, type Sources } from '../../core/context.ts';
import { isClaim } from '../../core/lifecycle/claim.ts';
import type { Told } from '../deploy/between.ts';
import { Between } from './between.ts';

const LOOK_MS = 25;
/** Real time in which a clock that was moved lets all happen in its order; what is left is then late. */
const WALK_MS = 30_000;
/** Real time after which who has not woken by then is taken for gone: an invocation that was ended wakes no more. */
const GONE_MS = 8000;

/** Looks in a row that find nobody at work, after which the clock moves on. */
const QUIET_LOOKS = 3;

let told: Told | undefined;
/** The moment that is shown while the clock is moved. */
let shown: number | undefined;
/** Calls of the database that are under way: whoever was woken is still at work. */
let calls = 0;
const sleepers = new Set<{ at: number }>();

const asked = (): number => told?.frozen_at ?? real.now() + (told?.offset_ms ?? 0);
const now = (): number => shown ?? asked();

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const sleeper = { at: Math.ceil(now() + ms) };
  sleepers.add(sleeper);
  while (!signal?.aborted && now() < sleeper.at) {
    const left = Math.max(1, Math.min(LOOK_MS, sleeper.at - now()));
    await real.sleep(shown === undefined ? left : 1, signal);
  }
  sleepers.delete(sleeper);
}

/** Hears what the emulator is set to now. Where its clock was moved, waits until it has arrived. */
export async function hear(news: Told): Promise<void> {
  const before = now();
  told = news;
  if (asked() - before >= 1000) await walk(before, asked());
  shown = undefined;
}

/** Moves the clock from one sleeper to the next, each time until nobody is at work, so that all happens in its order. */
async function walk(from: number, to: number): Promise<void> {
  const end = real.now() + WALK_MS;
  shown = from;
  while (await quiet()) {
    if (shown >= to) return;
    shown = real.now() < end ? Math.min(to, ...[...sleepers].map(({ at }) => at)) : to;
  }
}

/** Waits until whoever is to be awake has done what it does. */
async function quiet(): Promise<true> {
  const end = real.now() + GONE_MS;
  const due = () => [...sleepers].filter(({ at }) => at <= now());
  for (let looks = 0; looks < QUIET_LOOKS; ) {
    await real.sleep(1);
    if (real.now() > end) for (const gone of due()) sleepers.delete(gone);
    const busy = calls > 0 || due().length > 0;
    looks = busy && real.now() <= end ? 0 : looks + 1;
  }
  return true;
}

const made = new WeakMap<Env, Map<boolean, Env>>();

/** The env of a call: the Worker's bindings, behind the clock and the faults of the emulator. */
export function envFor(env: Env, isWorkers: boolean): Env {
  told ??= JSON.parse(String(env.TOLD)) as Told;
  const kept = made.get(env) ?? new Map<boolean, Env>();
  made.set(env, kept);
  let own = kept.get(isWorkers);
  if (!own) {
    own = makeEnv(env, isWorkers);
    kept.set(isWorkers, own);
  }
  return own;
}

function makeEnv(env: Env, isWorkers: boolean): Env {
  const skew = () => (isWorkers ? (told?.skew_ms ?? 0) : 0);
  const sources: Sources = { ...real, now: () => now() + skew(), sleep };
  const database = new Between(
    () => env.DB,
    async (sqls, call) => {
      if (told?.slow_ms) await real.sleep(told.slow_ms);
      if (sqls.some(isClaim) && (!told?.claiming || shown !== undefined))
        return sqls.map(() => ({ results: [] })) as never;
      calls += 1;
      return call().finally(() => {
        calls -= 1;
      });
    },
  );
  return { ...env, SOURCES: sources, DB: database, BEFORE_RUN: (job) => failWhereAsked(env, job.task_type) };
}

async function failWhereAsked(env: Env, type: string): Promise<void> {
  if (!told?.failing) return;
  const answer = await (env.FAULTS as Fetcher).fetch(`http://emulator/?task_type=${encodeURIComponent(type)}`);
  const { error } = (await answer.json()) as { error?: string };
  if (error !== undefined) throw new Error(error);
}
