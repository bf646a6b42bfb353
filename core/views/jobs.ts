import type { Caller } from '../access/admit.ts';
import type { Context } from '../context.ts';
import { JOB_COLUMNS, type JobRow } from '../lifecycle/job.ts';
import type { Status } from '../lifecycle/states.ts';
import { repeatable } from '../repeat.ts';
import { type Page, page } from './page.ts';

const ONE = `SELECT ${JOB_COLUMNS} FROM jobs WHERE id = ?1 AND (?2 IS NULL OR owner_id = ?2)`;

/** Whose rows a caller may see: its own, or (null) everybody's for an admin. */
export const scopeOf = (caller: Caller): string | null => (caller.role === 'admin' ? null : caller.id);

/** The job with this id where the caller may see it. */
export const findJob = (ctx: Context, id: string, caller: Caller): Promise<JobRow | null> =>
  repeatable(ctx, () => ctx.db.prepare(ONE).bind(id, scopeOf(caller)).first<JobRow>());

export interface JobQuery {
  cursor?: string | undefined;
  limit: number;
  status?: Status | undefined;
  task_type?: string | undefined;
  owner_id?: string | undefined;
}

// These have an index by status; of the others a list holds few or very many, and is walked.
const parked: readonly string[] = ['failed', 'dlq', 'cancelled'];

/** A page of jobs, newest first: the caller's own, or for an admin anybody's. */
export function listJobs(ctx: Context, query: JobQuery, caller: Caller): Promise<Page<JobRow>> {
  const indexed = query.status !== undefined && parked.includes(query.status);
  return page<JobRow>(ctx, {
    table: 'jobs',
    columns: JOB_COLUMNS,
    along: { owner_id: scopeOf(caller) ?? query.owner_id ?? null },
    literal: indexed ? `AND status = '${query.status}'` : '',
    filter: { status: indexed ? null : (query.status ?? null), task_type: query.task_type ?? null },
    scope: `jobs of ${caller.id} ${query.status}`,
    cursor: query.cursor,
    limit: query.limit,
  });
}
