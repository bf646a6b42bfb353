// Schedules jobs in bulk through the built schedule-jobs and drains them through the built process-batch.
import { fileURLToPath } from 'node:url';
import { Built, rowsWritten } from '../support/built.ts';
import { stopwatch } from '../support/stopwatch.ts';

const count = Number(process.argv[2]);
const built = await Built.over(fileURLToPath(new URL('../..', import.meta.url)));

const watch = stopwatch();
await built.enqueue(count);
const enqueue = watch();
for (let done = 0; done < count; ) done += (await built.tick('process-batch')).done ?? 0;
const drain = watch();

const rows = rowsWritten(built.db);
built.close();
console.log(JSON.stringify({ enqueueMs: enqueue.ms, drainMs: drain.ms, cpuMs: enqueue.cpuMs + drain.cpuMs, rows }));
