// graphile-worker: addJobs in thousands; 24 at once, a local queue of 500 and completion in batches, as its page on
// performance says. For pick-up no local queue: a job could wait in it.
import { setTimeout as pause } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { pacer } from './pace.mjs';

const [mode, first, second] = process.argv.slice(2);
const connectionString = process.env.SERVICE_URL;
const logger = new Logger(() => (level, message) => level === 'error' && console.error(message));
const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();
const pool = new pg.Pool({ connectionString });
await pool.query('TRUNCATE graphile_worker._private_jobs');

const work = (sleep, more) => {
  const worker = { connectionString, concurrentJobs: 24, maxPoolSize: 25, ...more };
  return run({ logger, noHandleSignals: true, taskList: { sleep }, preset: { worker } });
};

let answer;
if (mode === 'drain') {
  const count = Number(first);
  const start = performance.now();
  for (let left = count; left > 0; left -= 1000) {
    const set = Math.min(1000, left);
    await utils.addJobs(Array.from({ length: set }, () => ({ identifier: 'sleep', payload: { ms: 0 } })));
  }
  const enqueued = performance.now();
  let left = count;
  const sleep = async () => {
    left -= 1;
  };
  await work(sleep, { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 });
  while (left > 0 || (await pool.query('SELECT 1 FROM graphile_worker._private_jobs LIMIT 1')).rowCount > 0) {
    await pause(5);
  }
  answer = { enqueueMs: enqueued - start, drainMs: performance.now() - enqueued };
} else {
  const pace = pacer(Number(first), Number(second), (key) => utils.addJob('sleep', { key }));
  await work(async ({ key }) => pace.begun(key), {});
  answer = await pace.run();
}
console.log(JSON.stringify(answer));
process.exit(0);
