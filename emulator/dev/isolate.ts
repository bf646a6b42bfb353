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

let told: Told | undefined;
let walkUntil = 0;
const sleepers = new Set<{ at: number }>();

const asked = (): number => told?.frozen_at ?? real.now() + (told?.offset_ms ?? 0);
const walking = (): boolean => real.now() < walkUntil;

function now(): number {
  const time = asked();
  if (!walking()) return time;
  return Math.min(time, ...[...sleepers].map(({ at }) => at));
}

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const sleeper = { at: Math.ceil(now() + ms) };
  sleepers.add(sleeper);
  while (!signal?.aborted && now() < sleeper.at) {
    const left = Math.max(1, Math.min(LOOK_MS, sleeper.at - now()));
    await real.sleep(walking() ? 1 : left, signal);
  }
  sleepers.delete(sleeper);
}

/** Hears what the emulator is set to now. Where its clock was moved, waits until it has arrived. */
export async function hear(news: Told): Promise<void> {
  const before = now();
  told = news;
  if (asked() - before < 1000) return;
  walkUntil = real.now() + WALK_MS;
  await walk();
  walkUntil = 0;
  // Who is late by now extends its leases before anybody takes them back.
  for (let n = 0; n < LOOK_MS && [...sleepers].some(({ at }) => at <= now()); n++) await real.sleep(5);
}

/** Waits until the clock has arrived where it was moved to, or it is too late for that. */
async function walk(): Promise<void> {
  let moved = { to: now(), at: real.now() };
  while (walking() && now() < asked()) {
    await real.sleep(2);
    if (now() > moved.to) moved = { to: now(), at: real.now() };
    else if (real.now() - moved.at > GONE_MS) for (const one of sleepers) if (one.at <= moved.to) sleepers.delete(one);
  }
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
      if (sqls.some(isClaim) && (!told?.claiming || walking())) return sqls.map(() => ({ results: [] })) as never;
      return call();
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
