import { coordinate } from '../core/coordinate.ts';
import { tick } from '../core/http/tick.ts';

export default tick({
  name: 'coordinate',
  cron: 'COORDINATE_CRON',
  summary: 'Reclaim, retry, bury, redrive and prune what is due',
  counts: {
    reclaimed: 'jobs whose lease expired',
    retried: 'failed jobs that are pending again',
    buried: 'failed jobs moved to the dead-letter queue',
    redriven: 'jobs taken out of the dead-letter queue',
    pruned: 'jobs deleted after RETENTION_DAYS',
    forgotten: 'rate-limit buckets of silent addresses deleted',
    next_at: 'when more falls due, in milliseconds since 1970; left out where nothing waits',
  },
  run: coordinate,
});
