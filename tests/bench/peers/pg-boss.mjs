// pg-boss: insert in thousands, fetch 500 and complete 500 at a time, without its maintenance.
import PgBoss from 'pg-boss';

const count = Number(process.argv[3]);
const boss = new PgBoss({
  connectionString: process.env.SERVICE_URL,
  supervise: false,
  schedule: false,
  migrate: true,
});
boss.on('error', (error) => console.error(error));
await boss.start();
const queue = `bench-${process.pid}`;
await boss.createQueue(queue);

const start = performance.now();
for (let left = count; left > 0; left -= 1000) {
  const set = Math.min(1000, left);
  await boss.insert(Array.from({ length: set }, () => ({ name: queue, data: { ms: 0 } })));
}
const enqueued = performance.now();
const sleep = async () => {};
for (let done = 0; done < count; ) {
  const jobs = await boss.fetch(queue, { batchSize: 500, priority: false });
  await Promise.all(jobs.map(sleep));
  await boss.complete(
    queue,
    jobs.map(({ id }) => id),
  );
  done += jobs.length;
}
const drained = performance.now();
console.log(JSON.stringify({ enqueueMs: enqueued - start, drainMs: drained - enqueued }));
process.exit(0);
