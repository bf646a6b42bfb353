import type Sqlite from 'better-sqlite3';
import { isAllowed, type Status } from '../../core/lifecycle/states.ts';

interface LogRow {
  seq: number;
  worker: string | null;
  event: string;
  job_seq: number;
  epoch: number | null;
  from_status: Status | null;
  to_status: Status | null;
  data: string | null;
}

const outcomes = ['done', 'failed', 'reclaimed', 'released', 'cancelled'];

/** What a judge asks a database, whichever it is. */
export const questions = {
  jobs: `SELECT seq, id, status, lease_epoch, retries AS charged, interruptions, max_retries, retries > max_retries + 1 AS overdrawn,
    (status = 'running') <> (lease_until IS NOT NULL) OR (status = 'running') <> (lease_worker IS NOT NULL) AS half
    FROM jobs`,
  logs: `SELECT seq, worker, event, job_seq, epoch, from_status, to_status, data FROM logs WHERE job_seq IS NOT NULL ORDER BY seq`,
  counted: 'SELECT owner_id, task_type, status, count(*) AS n FROM jobs GROUP BY 1, 2, 3',
  folded: `
    WITH through AS (SELECT through FROM job_counts_mark),
    recent AS (SELECT * FROM logs, through WHERE logs.seq > through)
    SELECT owner_id, task_type, status, sum(n) AS n FROM (
      SELECT owner_id, task_type, status, n FROM job_counts WHERE owner_id <> ''
      UNION ALL SELECT owner_id, task_type, to_status, 1 FROM recent WHERE to_status IS NOT NULL
      UNION ALL SELECT owner_id, task_type, from_status, -1 FROM recent WHERE from_status IS NOT NULL)
    GROUP BY 1, 2, 3 HAVING sum(n) <> 0`,
};

export type Answers = Record<keyof typeof questions, unknown[]>;

interface JobRow {
  seq: number;
  id: string;
  status: Status;
  lease_epoch: number;
  /** Its retries. */
  charged: number;
  interruptions: number;
  max_retries: number;
  overdrawn: 0 | 1;
  half: 0 | 1;
}

/** Holds a database against the invariants of the design; a sentence for each breach. */
export function breaches(db: Sqlite.Database): string[] {
  const ask = ([name, sql]: [string, string]) => [name, db.prepare(sql).all()];
  return judge(Object.fromEntries(Object.entries(questions).map(ask)) as Answers);
}

/** Holds what a database answered against the invariants; a sentence for each breach. */
export function judge({ jobs, logs, counted, folded }: Answers): string[] {
  const rows = jobs as JobRow[];
  return [
    ...perJob(rows, logs as LogRow[]),
    ...some(
      'jobs that are half running',
      rows.filter(({ half }) => half === 1),
    ),
    ...some(
      'jobs with more retries than allowed',
      rows.filter(({ overdrawn }) => overdrawn === 1),
    ),
    ...(sorted(counted) === sorted(folded) ? [] : ['the report differs from a fresh count']),
  ];
}

const sorted = (list: unknown[]) => JSON.stringify(list.map((row) => JSON.stringify(row)).sort());

const some = (what: string, rows: JobRow[]): string[] =>
  rows.length > 0 ? [`${rows.length} ${what}: ${rows.slice(0, 3).map(({ id }) => id)}`] : [];

function perJob(jobs: JobRow[], logs: LogRow[]): string[] {
  const bySeq = new Map(jobs.map((job) => [job.seq, job]));
  const lives = new Map<number, LogRow[]>();
  for (const row of logs) {
    const life = lives.get(row.job_seq);
    if (life) life.push(row);
    else lives.set(row.job_seq, [row]);
  }
  const found: string[] = [];
  for (const seq of bySeq.keys()) if (!lives.has(seq)) found.push(`job ${seq} has no log`);
  for (const [seq, life] of lives) {
    const job = bySeq.get(seq);
    const texts = [...lifeBreaches(life, job?.status ?? null), ...(job ? rowBreaches(life, job) : [])];
    found.push(...texts.map((text) => `job ${seq}: ${text}`));
  }
  return found;
}

/** A job's log is a chain of allowed transitions that ends in its status; each epoch has one claim and one outcome. */
function lifeBreaches(life: LogRow[], status: Status | null): string[] {
  const found: string[] = [];
  const steps = life.filter(({ from_status, to_status }) => from_status !== null || to_status !== null);
  const pruned = steps.length === 1 && steps[0]?.event === 'pruned';
  if (pruned) return status === null ? [] : ['pruned, and still there'];
  let at: Status | null = null;
  let epoch = 0;
  const settled = new Set<number | null>();
  for (const step of steps) {
    if (step.from_status !== at) found.push(`${step.event} leaves ${step.from_status}, but it was ${at}`);
    if (!isAllowed(step.from_status, step.to_status, step.event))
      found.push(`${step.event} from ${step.from_status} to ${step.to_status} is not in the table`);
    if (step.event === 'claimed') {
      if (step.epoch !== epoch + 1) found.push(`claimed under epoch ${step.epoch} after ${epoch}`);
      epoch = step.epoch ?? 0;
    } else if (step.from_status === 'running' && outcomes.includes(step.event)) {
      if (step.epoch !== epoch) found.push(`${step.event} of epoch ${step.epoch} after the claim of ${epoch}`);
      if (settled.has(step.epoch)) found.push(`two outcomes of epoch ${step.epoch}`);
      settled.add(step.epoch);
    }
    at = step.to_status;
  }
  if (at !== status) found.push(`the log ends in ${at}, the job is ${status}`);
  return found;
}

/** What a job's row says of its epoch and its budgets is what its log adds up to. */
function rowBreaches(life: LogRow[], job: JobRow): string[] {
  const found: string[] = [];
  let claim: LogRow | undefined;
  let [charged, interruptions] = [0, 0];
  for (const step of life) {
    if (step.event === 'claimed') {
      if (charged > job.max_retries) found.push(`claimed after ${charged} failures of ${job.max_retries} allowed`);
      claim = step;
    } else if (step.event === 'failed') charged += 1;
    else if (step.event === 'reclaimed') interruptions += 1;
    else if (step.event === 'redriven') [charged, interruptions] = [0, 0];
    if (['done', 'failed', 'released'].includes(step.event) && step.worker !== claim?.worker)
      found.push(`${step.event} by ${step.worker}, who did not claim it`);
  }
  if (job.lease_epoch !== (claim?.epoch ?? 0))
    found.push(`the epoch is ${job.lease_epoch}, the last claim ${claim?.epoch}`);
  if (job.charged !== charged) found.push(`${job.charged} retries after ${charged} failures`);
  if (job.interruptions !== interruptions)
    found.push(`${job.interruptions} interruptions, ${interruptions} in the log`);
  return found;
}
