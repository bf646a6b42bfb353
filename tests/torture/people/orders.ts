import type { Chance } from '../../simulation/world/chance.ts';
import type { Ledger, Order } from './ledger.ts';

type Sort = 'nap' | 'rest' | 'reshape' | 'hook' | 'flaky' | 'failing' | 'nonsense' | 'later';

const weights: Record<Sort, number> = {
  ...{ nap: 30, rest: 6, reshape: 25, hook: 20 },
  ...{ flaky: 6, failing: 4, nonsense: 4, later: 5 },
};

/** A new job of some kind. What a handler sends out names the order, so the receiver can count its runs. */
export function newOrder(chance: Chance, ledger: Ledger, owner: string, receiver: string): Order {
  const sort = chance.weighted(weights);
  const number = ledger.orders.size;
  const hook = (path: string) => ({ task_type: 'webhook', payload: { url: `${receiver}/${path}/${number}` } });
  const priority = chance.pick([0, 0, 0, 5, -5]);
  const done = (body: Order['body'], more: object = {}) =>
    ledger.add(owner, { ...body, priority, max_retries: 10, ...more }, 'done');
  switch (sort) {
    case 'nap':
      return done({ task_type: 'sleep', payload: { ms: chance.between(0, 40) } });
    case 'rest':
      return done({ task_type: 'sleep', payload: { ms: chance.between(300, 2500) } });
    case 'later':
      return done(
        { task_type: 'sleep', payload: { ms: 1 } },
        { delay_ms: chance.between(200, 2000), idempotency_key: `later ${number}` },
      );
    case 'reshape':
      return done({ task_type: 'transform', payload: { input: { number }, expression: 'number' } });
    case 'hook':
      return done(hook('ok'));
    case 'flaky':
      return done(hook('flaky'));
    case 'failing':
      return ledger.add(owner, { ...hook('failing'), priority, max_retries: chance.between(0, 2) }, 'dlq');
    case 'nonsense':
      return ledger.add(
        owner,
        { task_type: 'transform', payload: { input: { text: 'x' }, expression: 'abs(text)' }, priority },
        'dlq',
      );
  }
}
