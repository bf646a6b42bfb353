import type { Database } from '../database.ts';
import { statuses } from '../lifecycle/states.ts';

/** How many jobs a database holds in each state, and how many users. */
export interface Contents {
  jobs: Record<string, number>;
  users: number;
}

const JOBS = 'SELECT status, count(*) AS n FROM jobs GROUP BY status';
const USERS = 'SELECT count(*) AS n FROM users';

/** Counts every row anew, in one snapshot: what a copy really holds, whatever its own counts say. */
export async function readContents(db: Database): Promise<Contents> {
  const [jobs, users] = await db.batch<{ status: string; n: number }>([db.prepare(JOBS), db.prepare(USERS)]);
  return {
    jobs: Object.fromEntries((jobs?.results ?? []).map(({ status, n }) => [status, n])),
    users: users?.results[0]?.n ?? 0,
  };
}

/** The same in words: `3 jobs (2 done, 1 dlq), 1 user`. */
export function describe({ jobs, users }: Contents): string {
  const parts = statuses.filter((status) => jobs[status]).map((status) => `${jobs[status]} ${status}`);
  const total = Object.values(jobs).reduce((sum, n) => sum + n, 0);
  return `${count(total, 'job')}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}, ${count(users, 'user')}`;
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
