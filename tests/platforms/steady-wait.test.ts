import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { waitSteadily } from '../../emulator/workerd/steady-wait.ts';

waitSteadily();

test('who waits for a value is not woken by a notice that came without it', async () => {
  const handle = new Int32Array(new SharedArrayBuffer(4));
  const late = `
    const { workerData } = require('node:worker_threads');
    const later = (ms, work) => setTimeout(work, ms);
    later(100, () => Atomics.notify(workerData, 0));
    later(400, () => { Atomics.store(workerData, 0, 7); Atomics.notify(workerData, 0); });`;
  const worker = new Worker(late, { eval: true, workerData: handle });
  expect(Atomics.wait(handle, 0, 0)).toBe('ok');
  expect(Atomics.load(handle, 0)).toBe(7);
  expect(Atomics.wait(handle, 0, 7, 10)).toBe('timed-out');
  expect(Atomics.wait(handle, 0, 0)).toBe('not-equal');
  await worker.terminate();
});
