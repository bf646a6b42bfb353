// The gateway as `npm run dev -- --runtime workerd` runs it: with the emulator's clock and faults around every call.
import type { Env } from '../../core/context.ts';
import { envFor, hear } from '../dev/isolate.ts';
import { TELL } from './between.ts';
import local from './local.ts';

/** Whether a call is the worker's, whose clock may be skewed. */
const isWorkers = (name: string): boolean => name.endsWith('process-batch');

export default {
  fetch: (request: Request, env: Env, execution: unknown) =>
    local.fetch(request, envFor(env, isWorkers(new URL(request.url).pathname)), execution),
  /** The schedule TELL brings what the emulator is set to; no HTTP request can. */
  scheduled: (event: { cron: string }, env: Env, execution: unknown) =>
    event.cron.startsWith(TELL)
      ? hear(JSON.parse(event.cron.slice(TELL.length)))
      : local.scheduled(event, envFor(env, isWorkers(event.cron)), execution),
};
