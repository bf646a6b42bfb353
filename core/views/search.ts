import type { Caller } from '../access/admit.ts';
import type { Context } from '../context.ts';
import { JOB_COLUMNS, type JobRow } from '../lifecycle/job.ts';
import { repeatable } from '../repeat.ts';
import { type JobQuery, scopeOf } from './jobs.ts';

// Keys are unique by owner, so the index of each owner is asked: the cost follows the users, not the jobs.
const FOUND = `
  SELECT ${JOB_COLUMNS} FROM jobs WHERE seq IN (
    SELECT seq FROM jobs WHERE id = ?1
    UNION ALL SELECT keyed.seq FROM (SELECT id FROM users UNION ALL SELECT 'bootstrap') AS owner
      CROSS JOIN jobs AS keyed ON keyed.owner_id = owner.id AND keyed.idempotency_key = ?1
    WHERE ?2 IS NULL OR owner.id = ?2)
  AND (?2 IS NULL OR owner_id = ?2) AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR task_type = ?4)
  ORDER BY seq DESC LIMIT ?5`;

/** The jobs with this id or this idempotency key that the caller may see and that fit the filters, newest first. */
export async function searchJobs(ctx: Context, text: string, query: JobQuery, caller: Caller): Promise<JobRow[]> {
  const { owner_id = null, status = null, task_type = null, limit } = query;
  const owner = scopeOf(caller) ?? owner_id;
  const read = () => ctx.db.prepare(FOUND).bind(text, owner, status, task_type, limit).all<JobRow>();
  return (await repeatable(ctx, read)).results;
}
