import * as z from 'zod/mini';
import { type AnyTask, PermanentError, RetryAfter, RetryLater, type TaskContext, task } from '../../../core/task.ts';
import type { Act, Doing } from './outside.ts';

/**
 * The tasks of the simulation, which stand in for core/tasks/index.ts when it is bundled. What a handler does is
 * decided outside, which it reaches as every task does: by its context's fetch.
 */
const act: Record<Act, (ctx: TaskContext, doing: Doing) => unknown> = {
  return: (_, { run }) => ({ run }),
  work: async (ctx, { run, ms }) => {
    for (let i = 0; i < 3; i++) await ctx.sleep(ms);
    return { run };
  },
  log: async (ctx, { run }) => {
    await ctx.persistLog('info', 'It works.', { run });
    return { run };
  },
  throw: () => {
    throw new Error('This handler fails.');
  },
  'throw what has no text': () => {
    throw { toString: () => Symbol('no text') };
  },
  'throw what cannot be stored': () => {
    throw new Error('A NUL \u0000 and half of a pair \ud83d of surrogates.');
  },
  'throw PermanentError': () => {
    throw new PermanentError('No retry can mend this.');
  },
  'throw RetryAfter': (_, { ms }) => {
    throw new RetryAfter(ms * 20, 'Too many requests.');
  },
  'throw RetryLater': (_, { ms }) => {
    throw new RetryLater(ms * 10);
  },
  'return a bigint': () => 1n,
  'return a circle': () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    return circle;
  },
  'return a function': () => () => {},
  // The rest happens outside: these never come here, or too late.
  hang: (_, { run }) => ({ run }),
  'never end': () => undefined,
  exit: () => undefined,
};

const payload = z.object({ marker: z.int(), acts: z.array(z.string()) });

const simulated = (type: string): AnyTask =>
  task({
    type,
    summary: 'Does what the run decided.',
    payload,
    example: { marker: 1, acts: ['return'] },
    run: async (job, ctx) => {
      const asked = JSON.stringify({ id: job.id, worker: ctx.workerId, acts: job.payload.acts });
      const doing = (await ctx.fetch('outside:', { body: asked })) as unknown as Doing;
      return act[doing.act](ctx, doing);
    },
  });

export const tasks: readonly AnyTask[] = [simulated('press'), simulated('weave')];
