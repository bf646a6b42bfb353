// plainjob: addMany in thousands, one worker, its log off; on the better-sqlite3 of this project.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { better, defineQueue, defineWorker } from 'plainjob';

const count = Number(process.argv[3]);
const logger = { error: console.error, warn: console.error, info: () => {}, debug: () => {} };
const connection = better(new Database(join(process.env.DATA_FOLDER, `plainjob-${process.pid}.db`)));
const queue = defineQueue({ connection, logger });

const start = performance.now();
for (let left = count; left > 0; left -= 1000) {
  queue.addMany(
    'sleep',
    Array.from({ length: Math.min(1000, left) }, () => ({ ms: 0 })),
  );
}
const enqueued = performance.now();
let left = count;
const worker = defineWorker('sleep', async () => {}, {
  queue,
  logger,
  onCompleted: () => {
    left -= 1;
    if (left === 0) void worker.stop();
  },
});
await worker.start();
console.log(JSON.stringify({ enqueueMs: enqueued - start, drainMs: performance.now() - enqueued }));
process.exit(0);
