/** Everything that can go wrong in a run, and what it is. A seed switches about half of them off. */
export const faultKinds = {
  death: 'a host dies at any await; what it was doing never goes on',
  'death-after-commit': 'a host dies between a commit and its answer',
  'lost-answer': 'a database call takes effect, and the caller sees an error',
  'fail-before': 'a database call fails before it took effect',
  'fail-midway': 'a statement of a batch fails after others of it ran; all is rolled back',
  busy: 'SQLITE_BUSY: another writer holds the database',
  full: 'SQLITE_FULL for a while, in the middle of a write',
  latency: 'others act between a commit and its answer',
  skew: "hosts' clocks differ",
  'clock-jump': 'the clock of a host jumps back or ahead',
  stall: 'a host stands still, often past its leases, and goes on',
  stop: 'a host is asked to stop, gives back its work, and is replaced',
  'lost-wake': 'the call that wakes a tick is lost',
  handler: 'a handler throws, hangs, never ends, or returns what JSON cannot hold',
  exit: 'a handler ends its whole host',
  cancel: 'somebody cancels a job, most often one that runs',
  redrive: 'somebody redrives one job or many',
  repeat: 'a user sends a request again, or uses its idempotency key for another',
  limit: 'users meet small rate limits',
  days: 'days pass: jobs are pruned, leases and backoffs are long over',
} as const;

export type FaultKind = keyof typeof faultKinds;
export const allFaults = Object.keys(faultKinds) as FaultKind[];
