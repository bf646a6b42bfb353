import type { Breach } from './checks/laws.ts';
import { recover } from './checks/liveness.ts';
import { checkIntegrity, checkWhole } from './checks/whole.ts';
import type { FaultKind } from './world/fault-kinds.ts';
import { move } from './world/moves.ts';
import { type Plan, planOf, type Wish } from './world/plan.ts';
import { drained } from './world/points.ts';
import { World } from './world/world.ts';

const WHOLE_EVERY = 50;
const LEAST_DONE = 5;

/** What became of one run. */
export interface Outcome {
  plan: Plan;
  /** Steps until faults stopped, or until the breach. */
  steps: number;
  breaches: Breach[];
  /** Stands for everything that happened: runs with the same trace were the same. */
  trace: number;
  /** What happened last. */
  notes: string[];
  faults: Record<FaultKind, number>;
  /** Log rows by event. */
  events: Record<string, number>;
  answers: Record<string, number>;
  /** Jobs by their last status. */
  ended: Record<string, number>;
  /** Runs of handlers, database calls, admissions by buckets. */
  runs: number;
  calls: number;
  admissions: number;
  doneAmidFaults: number;
  /** Ticks from the end of the faults until every due job had ended. */
  recovery: number;
}

/** One run, from an empty database to the last due job's end. The same wish always gives the same outcome. */
export async function simulate(wish: Wish, listen?: (note: string) => void): Promise<Outcome> {
  const world = new World(planOf(wish), listen);
  try {
    for (const name of ['ada', 'bob']) world.people.join(name);
    await drained();
    while (world.step < world.plan.steps && world.breaches.length === 0) {
      world.step += 1;
      await move(world);
      if (world.step % WHOLE_EVERY === 0) checkWhole(world.observer);
    }
    const steps = world.step;
    const doneAmidFaults = world.observer.events.done ?? 0;
    const recovery = world.breaches.length === 0 ? await recover(world) : 0;
    if (world.breaches.length === 0) checkEnd(world);
    return { ...describe(world), steps, recovery, doneAmidFaults };
  } finally {
    world.store.close();
  }
}

function checkEnd({ observer, breach }: World): void {
  checkWhole(observer);
  checkIntegrity(observer);
  const done = observer.events.done ?? 0;
  if (done < LEAST_DONE) breach('empty', `only ${done} jobs were done`);
}

function describe({ plan, breaches, trace, notes, faults, observer, people }: World) {
  const ended: Record<string, number> = {};
  for (const { row, gone } of observer.ledger.bySeq.values()) {
    const status = gone === undefined ? row.status : 'pruned';
    ended[status] = (ended[status] ?? 0) + 1;
  }
  const { events, calls, runs, buckets } = observer;
  return {
    ...{ plan, breaches, trace, notes, events, calls, ended },
    ...{ faults: faults.counts, answers: people.post.answers, runs: runs.length, admissions: buckets.admissions },
  };
}
