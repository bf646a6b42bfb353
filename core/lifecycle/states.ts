export const statuses = ['pending', 'running', 'failed', 'done', 'dlq', 'cancelled'] as const;
export type Status = (typeof statuses)[number];

/** One allowed transition. `from: null` is a job that was not there before, `to: null` one that is there no more. */
export interface Transition {
  from: Status | null;
  to: Status | null;
  /** What its log row is called. */
  event: string;
  by: string;
  when: string;
}

/** Every transition a job can make. What is not here does not happen: edges are checked against it when they load. */
export const transitions = [
  { from: null, to: 'pending', event: 'scheduled', by: 'schedule', when: 'a request was accepted' },
  {
    from: 'pending',
    to: 'running',
    event: 'claimed',
    by: 'claim (process-batch)',
    when: 'it is due and a worker is free',
  },
  { from: 'running', to: 'done', event: 'done', by: 'settle', when: 'the handler returned' },
  { from: 'running', to: 'failed', event: 'failed', by: 'settle', when: 'the handler threw or ran out of time' },
  {
    from: 'running',
    to: 'pending',
    event: 'released',
    by: 'settle, release',
    when: 'the handler asked to run later, or the worker stops',
  },
  { from: 'running', to: 'pending', event: 'reclaimed', by: 'reclaim (coordinate)', when: 'the lease expired' },
  { from: 'running', to: 'dlq', event: 'reclaimed', by: 'reclaim (coordinate)', when: 'the lease expired too often' },
  {
    from: 'failed',
    to: 'pending',
    event: 'retried',
    by: 'retry (coordinate)',
    when: 'run_at has come and retries are left',
  },
  {
    from: 'failed',
    to: 'dlq',
    event: 'buried',
    by: 'bury (coordinate)',
    when: 'retries are spent, or the error is permanent',
  },
  {
    from: 'dlq',
    to: 'pending',
    event: 'redriven',
    by: 'redrive (coordinate or API)',
    when: 'a while after burial, once; or an operator asked',
  },
  { from: 'pending', to: 'cancelled', event: 'cancelled', by: 'cancel (API)', when: 'somebody asked' },
  { from: 'failed', to: 'cancelled', event: 'cancelled', by: 'cancel (API)', when: 'somebody asked' },
  { from: 'dlq', to: 'cancelled', event: 'cancelled', by: 'cancel (API)', when: 'somebody asked' },
  { from: 'running', to: 'cancelled', event: 'cancelled', by: 'settle, reclaim', when: 'somebody asked while it ran' },
  { from: 'done', to: null, event: 'pruned', by: 'prune (coordinate)', when: 'it was kept long enough' },
  { from: 'cancelled', to: null, event: 'pruned', by: 'prune (coordinate)', when: 'it was kept long enough' },
] as const satisfies readonly Transition[];

export type Event = (typeof transitions)[number]['event'];

/** Whether the table holds this transition, under this event where one is named. */
export const isAllowed = (from: Status | null, to: Status | null, event?: string): boolean =>
  transitions.some((t) => t.from === from && t.to === to && (event === undefined || t.event === event));
