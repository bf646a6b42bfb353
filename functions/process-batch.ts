import { tick } from '../core/http/tick.ts';
import { tasks } from '../core/tasks/index.ts';
import { processBatch } from '../core/worker/process-batch.ts';

export default tick({
  name: 'process-batch',
  cron: 'PROCESS_CRON',
  summary: 'Claim due jobs, run them, settle their outcomes',
  counts: {
    claimed: 'jobs leased',
    done: 'jobs whose handler returned',
    failed: 'jobs whose handler threw or ran out of time',
    released: 'jobs given back without a charge',
    cancelled: 'jobs cancelled while they ran',
    stale: 'jobs whose lease was lost; nothing was written for them',
    joined: '1 where a worker of this process was at it already, and was told to look again',
    next_at: 'when the next job falls due, in milliseconds since 1970; left out where none waits',
  },
  run: (ctx) => processBatch(ctx, tasks),
});
