import type { Law } from '../checks/laws.ts';
import type { Outcome } from '../simulate.ts';

type Counts = Record<string, number>;

const add = (into: Counts, from: Counts): void => {
  for (const [name, n] of Object.entries(from)) into[name] = (into[name] ?? 0) + n;
};

/** What all runs of a call come to. */
export class Figures {
  seeds = 0;
  steps = 0;
  databaseCalls = 0;
  handlerRuns = 0;
  /** Jobs done before the faults stopped. */
  doneAmidFaults = 0;
  admissions = 0;
  readonly faults: Counts = {};
  /** Log rows by event: each transition is one. */
  readonly events: Counts = {};
  /** What became of the jobs, at the end of their runs. */
  readonly ended: Counts = {};
  /** Requests by the status of their answer. */
  readonly answers: Counts = {};
  /** Breaches by law. */
  readonly breaches: Counts = {};
  readonly recovery = { worst: 0, seed: 0, mean: 0 };
  #recovered = 0;

  add(outcome: Outcome): void {
    const { plan, steps, calls, runs, faults, events, ended, answers, breaches, recovery } = outcome;
    this.seeds += 1;
    this.steps += steps;
    this.databaseCalls += calls;
    this.handlerRuns += runs;
    this.doneAmidFaults += outcome.doneAmidFaults;
    this.admissions += outcome.admissions;
    add(this.faults, faults);
    add(this.events, events);
    add(this.ended, ended);
    add(this.answers, answers);
    for (const { law } of breaches.slice(0, 1)) add(this.breaches, { [law]: 1 });
    this.#recovered += recovery;
    this.recovery.mean = this.#recovered / this.seeds;
    if (recovery > this.recovery.worst) Object.assign(this.recovery, { worst: recovery, seed: plan.seed });
  }

  get jobs(): number {
    return this.events.scheduled ?? 0;
  }

  /** Runs that broke one of these laws. */
  broke(...laws: Law[]): number {
    return laws.reduce((sum, law) => sum + (this.breaches[law] ?? 0), 0);
  }

  /** As lines for people. */
  get lines(): string[] {
    const row = (name: string, value: number | string) => `${name.padEnd(40)}${value.toLocaleString('en')}`;
    const rows = (counts: Counts) => Object.entries(counts).map(([name, n]) => row(`  ${name}`, n));
    return [
      ...[row('seeds', this.seeds), row('steps under faults', this.steps), row('database calls', this.databaseCalls)],
      ...['faults injected', ...rows(this.faults), 'requests by answer', ...rows(this.answers)],
      ...[row('jobs accepted', this.jobs), ...rows(this.ended), row('handler runs', this.handlerRuns)],
      ...['log rows', ...rows(this.events), row('jobs done amid faults', this.doneAmidFaults)],
      row('requests admitted by a bucket', this.admissions),
      row('jobs lost', this.broke(1)),
      row('outcomes doubled or by a stale worker', this.broke(4, 5)),
      row(
        'runs with a breach',
        Object.values(this.breaches).reduce((sum, n) => sum + n, 0),
      ),
      row('recovery, ticks at worst', `${this.recovery.worst} (seed ${this.recovery.seed})`),
      row('recovery, ticks on average', this.recovery.mean.toFixed(1)),
    ];
  }
}
