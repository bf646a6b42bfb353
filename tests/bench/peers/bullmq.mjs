// BullMQ: addBulk in thousands, one worker with a concurrency of 100, finished jobs removed as its benchmarks do.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { pacer } from './pace.mjs';

const [mode, first, second] = process.argv.slice(2);
const connect = () => new Redis(process.env.SERVICE_URL, { maxRetriesPerRequest: null });
const connection = connect();
await connection.flushall();
const queue = new Queue('bench', { connection });
const keep = { removeOnComplete: true, removeOnFail: true };
await queue.waitUntilReady();

const work = async (handler) => {
  const worker = new Worker('bench', handler, { connection: connect(), concurrency: 100, ...keep });
  worker.on('error', (error) => console.error(error));
  await worker.waitUntilReady();
  return worker;
};

let answer;
if (mode === 'drain') {
  const count = Number(first);
  const start = performance.now();
  for (let left = count; left > 0; left -= 1000) {
    const set = Math.min(1000, left);
    await queue.addBulk(Array.from({ length: set }, () => ({ name: 'sleep', data: { ms: 0 }, opts: keep })));
  }
  const enqueued = performance.now();
  let left = count;
  const worker = await work(async () => ({ slept_ms: 0 }));
  await new Promise((resolve) => worker.on('completed', () => --left === 0 && resolve()));
  answer = { enqueueMs: enqueued - start, drainMs: performance.now() - enqueued };
} else {
  const pace = pacer(Number(first), Number(second), (key) => queue.add('sleep', { key }, keep));
  await work(async ({ data }) => pace.begun(data.key));
  answer = await pace.run();
}
console.log(JSON.stringify(answer));
process.exit(0);
