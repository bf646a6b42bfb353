import { Chance } from './chance.ts';
import { allFaults, type FaultKind } from './fault-kinds.ts';

/** What the command line asks for; what it leaves out the seed decides. */
export interface Wish {
  seed: number;
  steps?: number;
  workers?: number;
  coordinators?: number;
  /** Exactly these faults. */
  only?: readonly FaultKind[];
}

/** All that is fixed before a run begins. A shorter run of the same plan is a prefix of the longer one. */
export interface Plan {
  seed: number;
  steps: number;
  workers: number;
  coordinators: number;
  faults: ReadonlySet<FaultKind>;
  /** The chance of a fault at each database call. */
  rate: number;
  settings: Record<string, string>;
}

export const STEPS = 600;

/** Decides what a seed is about: how many hosts, which settings, and which faults, so that not every run has them all. */
export function planOf(wish: Wish): Plan {
  const chance = new Chance(`${wish.seed} plan`);
  const share = chance.pick([0.25, 0.5, 0.5, 0.75]);
  const chosen = allFaults.filter(() => chance.yes(share));
  const [workers, coordinators] = [chance.between(1, 3), chance.between(1, 2)];
  const faults = new Set(wish.only ?? chosen);
  return {
    seed: wish.seed,
    steps: wish.steps ?? STEPS,
    workers: wish.workers ?? workers,
    coordinators: wish.coordinators ?? coordinators,
    faults,
    rate: chance.pick([0.02, 0.05, 0.1]),
    settings: settingsFrom(chance, faults.has('limit')),
  };
}

function settingsFrom({ pick }: Chance, limited: boolean): Record<string, string> {
  const capacity = pick([4, 10]);
  const settings = {
    LEASE_MS: pick([400, 1000, 3000]),
    PROCESS_CONCURRENCY: pick([1, 2, 4, 10]),
    PROCESS_BATCH_SIZE: pick([1, 3, 200]),
    PROCESS_PACE_MS: pick([0, 0, 0, 0, 30]),
    TICK_BUDGET_MS: pick([300, 2000, 50_000]),
    TICK_LINGER_MS: pick([0, 0, 0, 2000]),
    TICK_MAX_QUERIES: pick([0, 0, 0, 25]),
    JOB_TIMEOUT_MS: pick([500, 2000]),
    BACKOFF_BASE_MS: pick([0, 100, 1000]),
    BACKOFF_MAX_MS: pick([500, 3000]),
    MAX_INTERRUPTIONS: pick([0, 1, 3]),
    MAX_DLQ_REDRIVES: pick([0, 1, 1, 2]),
    DLQ_REDRIVE_AFTER_MS: pick([0, 500, 2000]),
    RETENTION_DAYS: pick([1, 1, 0]),
    CLOCK: pick(['host', 'host', 'database']),
    RL_WINDOW_MS: pick([1000, 5000]),
    RL_CAPACITY: limited ? capacity : 1e6,
  };
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
}
