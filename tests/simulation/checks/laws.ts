/** What every run is held against, after each step: the invariants of the design by their number, and what else must be. */
export const laws = {
  1: 'no accepted job is ever lost',
  2: 'a job has a lease exactly while it runs',
  3: 'the epoch never falls, and each has exactly one claim',
  4: 'each epoch has at most one outcome, after its claim',
  5: 'no outcome is written by whoever lost the lease',
  6: "a job's log is a chain of allowed transitions that ends in its status",
  7: 'done and cancelled are final; the DLQ is left by a logged redrive or cancel',
  8: 'nothing goes beyond its budget of retries, interruptions and redrives',
  9: 'nothing happens before its time',
  10: 'one job for each owner and idempotency key',
  11: 'a user is shown nothing but its own',
  12: 'the report equals a fresh count',
  13: 'a bucket never holds or gives more tokens than its rate allows',
  log: 'a log row tells what happened, and stays as it is',
  cancel: 'a job that somebody asked to cancel ends as cancelled',
  order: 'jobs are claimed by priority, then by run_at, then as they came',
  run: 'a claim runs its handler at most once',
  result: 'the result of a done job comes from a run of its own under that lease',
  answer: 'an answer tells the truth, and is an error only where there is a reason',
  unforeseen: 'nothing fails but what the run makes fail',
  liveness: 'when faults stop, every due job ends within a bounded number of ticks',
  circles: 'without faults a second takes a bounded number of steps: nothing calls itself in circles',
  empty: 'a run has enough successes to mean something',
} as const;

export type Law = keyof typeof laws;

/** A law that was broken, and how. */
export interface Breach {
  law: Law;
  text: string;
}
