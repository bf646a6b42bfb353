import { type Outcome, simulate } from '../simulate.ts';
import type { Wish } from '../world/plan.ts';

const SIBLINGS = 60;

/** A run that fails, and what it was asked for. */
export interface Failure {
  wish: Wish;
  outcome: Outcome;
}

/**
 * Looks for a smaller run that breaks the same law: with fewer kinds of faults, fewer hosts and fewer steps; at last
 * under other seeds with just those faults and hosts, since one of them may get there sooner.
 */
export async function shrink(failure: Failure): Promise<Failure> {
  let best = await withSteps(failure);
  for (let size = Number.POSITIVE_INFINITY; sizeOf(best) < size; ) {
    size = sizeOf(best);
    for (const smaller of [fewerFaults, fewerHosts, fewerSteps, siblings]) best = await smaller(best);
  }
  return best;
}

const sizeOf = ({ outcome: { plan } }: Failure): number =>
  plan.steps + plan.faults.size + plan.workers + plan.coordinators;

/** The failure under another wish, where it breaks the same law. */
async function again({ outcome: { breaches } }: Failure, wish: Wish): Promise<Failure | undefined> {
  const outcome = await simulate(wish);
  return outcome.breaches[0]?.law === breaches[0]?.law ? { wish, outcome } : undefined;
}

/** Says how many steps it took: what a run does later is nothing to its breach. */
async function withSteps(failure: Failure): Promise<Failure> {
  return (await again(failure, { ...failure.wish, steps: failure.outcome.steps })) ?? failure;
}

async function fewerFaults(failure: Failure): Promise<Failure> {
  let best = failure;
  for (const kind of failure.outcome.plan.faults) {
    const only = [...best.outcome.plan.faults].filter((other) => other !== kind);
    const smaller = await again(best, { ...best.wish, only });
    if (smaller) best = await withSteps(smaller);
  }
  return best;
}

async function fewerHosts(failure: Failure): Promise<Failure> {
  let best = failure;
  for (const role of ['workers', 'coordinators'] as const) {
    for (let n = 1; n < best.outcome.plan[role]; n++) {
      const smaller = await again(best, { ...best.wish, [role]: n });
      if (smaller) best = await withSteps(smaller);
    }
  }
  return best;
}

/** For what shows itself only after the faults have stopped. */
async function fewerSteps(failure: Failure): Promise<Failure> {
  let best = failure;
  for (let cut = best.outcome.plan.steps >> 1; cut >= 1; cut >>= 1) {
    const steps = best.outcome.plan.steps - cut;
    const smaller = steps > 0 ? await again(best, { ...best.wish, steps }) : undefined;
    if (smaller) best = smaller;
  }
  return best;
}

async function siblings(failure: Failure): Promise<Failure> {
  let best = failure;
  const { faults, workers, coordinators, seed } = failure.outcome.plan;
  for (let other = seed + 1; other <= seed + SIBLINGS && best.outcome.plan.steps > 1; other++) {
    const steps = best.outcome.plan.steps - 1;
    const smaller = await again(best, { seed: other, steps, workers, coordinators, only: [...faults] });
    if (smaller) best = await withSteps(smaller);
  }
  return best;
}
