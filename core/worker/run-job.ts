import type { Context } from '../context.ts';
import type { Database } from '../database.ts';
import type { Claimed } from '../lifecycle/claim.ts';
import { persistLog } from '../lifecycle/remark.ts';
import type { Outcome } from '../lifecycle/settle.ts';
import type { Settings } from '../settings.ts';
import type { AnyTask, TaskContext } from '../task.ts';
import { summaryOf, validate } from '../validate.ts';
import { fail, ofError, ofResult } from './outcome.ts';

export type Tasks = ReadonlyMap<string, AnyTask>;

/** One run of a handler, from the claim until its outcome is known. */
export class Run {
  readonly job: Claimed;
  readonly deadline: number;
  /** Set once, by whoever is first: the handler, its deadline, a cancel, a lost lease or the shutdown. */
  over = false;
  #controller: AbortController | undefined;

  constructor(job: Claimed, deadline: number) {
    this.job = job;
    this.deadline = deadline;
  }

  /** Made when it is first asked for: most short handlers never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: string): void {
    this.over = true;
    this.#controller ??= new AbortController();
    this.#controller.abort(new Error(reason));
  }
}

/** Runs a job's handler and names the outcome. Never throws. */
export async function runJob(ctx: Context, tasks: Tasks, workerId: string, run: Run): Promise<Outcome> {
  const { job } = run;
  const found = tasks.get(job.task_type);
  if (!found) return fail(`This worker does not know the task type ${job.task_type}.`);
  try {
    const payload = validate(found.payload, JSON.parse(job.payload), '/payload');
    if ('errors' in payload) {
      return fail(`The payload does not fit the task: ${summaryOf(payload.errors)}`, { permanent: true });
    }
    const { id, owner_id, task_type, retries } = job;
    if (ctx.env.BEFORE_RUN) await ctx.env.BEFORE_RUN(job);
    return ofResult(
      await found.run(
        { id, owner_id, task_type, payload: payload.value, attempt: retries + 1 },
        new Scope(ctx, workerId, run),
      ),
    );
  } catch (error) {
    return ofError(error);
  }
}

/** What a handler works with. A class, as a literal with a getter in it costs more than all else about a short run. */
class Scope implements TaskContext {
  readonly db: Database;
  readonly settings: Settings;
  readonly workerId: string;
  readonly now: () => number;
  readonly sleep: TaskContext['sleep'];
  readonly fetch: TaskContext['fetch'];
  readonly persistLog: TaskContext['persistLog'];
  readonly #run: Run;

  constructor(ctx: Context, workerId: string, run: Run) {
    this.db = ctx.db;
    this.settings = ctx.settings;
    this.workerId = workerId;
    this.now = ctx.now;
    this.sleep = (ms) => ctx.sleep(ms, run.signal);
    this.fetch = (url, init) => (ctx.env.OUTBOUND ? ctx.env.OUTBOUND.fetch(url, init) : fetch(url, init));
    this.persistLog = (level, message, data) => persistLog(ctx, run.job, level, message, data);
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }
}
