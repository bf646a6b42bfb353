// What Lambda's own runtime does, in a thread of its own: it loads a handler, gives it an event and a context, and
// posts what came back. process.env is this thread's own.
import { parentPort, workerData } from 'node:worker_threads';

const handlers = new Map();

parentPort.on('message', async ({ id, handler, event, timeoutMs }) => {
  try {
    const [file, name] = handler.split('.');
    if (!handlers.has(handler)) handlers.set(handler, (await import(`${workerData.folder}/${file}.mjs`))[name]);
    const end = performance.now() + timeoutMs;
    const context = { functionName: file, getRemainingTimeInMillis: () => Math.max(0, end - performance.now()) };
    parentPort.postMessage({ id, result: await handlers.get(handler)(event, context) });
  } catch (error) {
    parentPort.postMessage({ id, error: `${error.name}: ${error.message}` });
  }
});
