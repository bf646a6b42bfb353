import { afterAll, describe, expect, test } from 'vitest';
import { edge } from '../../core/lifecycle/edge.ts';
import { type Event, isAllowed, type Status, statuses, transitions } from '../../core/lifecycle/states.ts';
import { System } from '../support/system.ts';

// Written down a second time, from the design, so that no one-sided change of the table passes.
const design: Record<string, string[]> = {
  '- > pending': ['scheduled'],
  'pending > running': ['claimed'],
  'pending > cancelled': ['cancelled'],
  'running > done': ['done'],
  'running > failed': ['failed'],
  'running > pending': ['released', 'reclaimed'],
  'running > dlq': ['reclaimed'],
  'running > cancelled': ['cancelled'],
  'failed > pending': ['retried'],
  'failed > dlq': ['buried'],
  'failed > cancelled': ['cancelled'],
  'dlq > pending': ['redriven'],
  'dlq > cancelled': ['cancelled'],
  'done > -': ['pruned'],
  'cancelled > -': ['pruned'],
};

const ends: (Status | null)[] = [null, ...statuses];
const pairs = ends.flatMap((from) => ends.map((to) => ({ from, to, events: design[`${from ?? '-'} > ${to ?? '-'}`] })));
const events = [...new Set(transitions.map(({ event }) => event))];

describe('The table of states', () => {
  test.each(pairs.filter((pair) => pair.events))('allows $from to $to, by $events only', ({ from, to, events: by }) => {
    expect(isAllowed(from, to)).toBe(true);
    for (const event of [...events, 'anything'])
      expect([event, isAllowed(from, to, event)]).toEqual([event, by?.includes(event)]);
  });

  test.each(pairs.filter((pair) => !pair.events))('forbids $from to $to under every event', ({ from, to }) => {
    expect(isAllowed(from, to)).toBe(false);
    for (const event of events) expect(isAllowed(from, to, event)).toBe(false);
  });

  test('holds every pair of statuses, and none twice', () => {
    expect(pairs).toHaveLength(49);
    expect(
      Object.keys(design).every((key) => pairs.some(({ from, to }) => key === `${from ?? '-'} > ${to ?? '-'}`)),
    ).toBe(true);
    const keys = transitions.map(({ from, to, event }) => `${from} ${to} ${event}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toHaveLength(Object.values(design).flat().length);
  });
});

describe('An edge', () => {
  test.each(pairs.filter(({ from, to }) => from && to))(
    'from $from to $to loads for $events and throws for all else',
    (pair) => {
      for (const event of events) {
        const load = () => edge({ event, from: pair.from as Status, to: pair.to as Status, where: 'true' });
        if (pair.events?.includes(event)) expect(load().update).toContain(`SET status = '${pair.to}'`);
        else expect(load).toThrow(`No transition ${event} from ${pair.from} to ${pair.to} is in the table of states.`);
      }
    },
  );

  test('from several statuses does not load when one of them is forbidden', () => {
    const load = (from: Status[]) => () => edge({ event: 'cancelled' as Event, from, to: 'cancelled', where: 'true' });
    expect(load(['pending', 'failed', 'dlq'])).not.toThrow();
    expect(load(['pending', 'failed', 'done'])).toThrow('from done to cancelled');
  });

  test('guards the log row and the update by the same words', () => {
    const { log, update } = edge({ event: 'retried', from: 'failed', to: 'pending', where: 'jobs.run_at <= ?1' });
    const guard = "WHERE jobs.status = 'failed' AND jobs.run_at <= ?1";
    expect([log.includes(guard), update.includes(guard)]).toEqual([true, true]);
  });
});

describe('The schema', () => {
  const system = new System();
  afterAll(() => system.close());

  test('stores the statuses of the table and no other', () => {
    const store = (status: string) =>
      system.db
        .prepare(
          `INSERT INTO jobs (id, owner_id, task_type, payload, status, max_retries, run_at, created_at, lease_worker,
             lease_until, finished_at)
           VALUES (?1, 'o', 't', '{}', ?1, 0, 0, 0, iif(?1 = 'running', 'w', NULL), iif(?1 = 'running', 1, NULL),
             iif(?1 IN ('done', 'dlq', 'cancelled'), 1, NULL))`,
        )
        .run({ 1: status });
    for (const status of statuses) expect(store(status).changes).toBe(1);
    expect(() => store('paused')).toThrow('CHECK');
  });
});
