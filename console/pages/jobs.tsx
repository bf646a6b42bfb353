import { useEffect, useState } from 'preact/hooks';
import { query } from '../api.ts';
import { useNow } from '../clock.ts';
import { shortId } from '../format.ts';
import { news } from '../live.ts';
import { useLoad, useNews } from '../load.ts';
import { role } from '../me.ts';
import { Empty, PageHead, When } from '../parts/bits.tsx';
import { Pager } from '../parts/pager.tsx';
import { names, order, StatusBadge } from '../parts/status.tsx';
import { go, jobsAt } from '../router.ts';
import { useStore } from '../store.ts';
import type { Job, LogEntry, Page, TaskInfo } from '../types.ts';
import { RedriveMany } from './redrive-many.tsx';

const fields = ['status', 'task_type', 'owner_id', 'q'] as const;
type Filters = Partial<Record<(typeof fields)[number], string>>;

/** The list of jobs: filters stand in the address, so that a list can be linked to. */
export function JobsPage({ search }: { search: URLSearchParams }) {
  const filters: Filters = {};
  for (const field of fields) if (search.get(field)) filters[field] = search.get(field) as string;
  const admin = useStore(role) === 'admin';
  const [redriving, setRedriving] = useState(false);
  return (
    <>
      <PageHead title="Jobs">
        {admin && (
          <button type="button" onClick={() => setRedriving(true)}>
            Redrive many…
          </button>
        )}
        <a class="button primary" href="#/schedule">
          Schedule a job
        </a>
      </PageHead>
      <FilterBar filters={filters} admin={admin} />
      <JobList key={JSON.stringify(filters)} filters={filters} />
      {redriving && <RedriveMany filters={filters} onClose={() => setRedriving(false)} />}
    </>
  );
}

function FilterBar({ filters, admin }: { filters: Filters; admin: boolean }) {
  const { value } = useLoad<{ items: TaskInfo[] }>('/v1/tasks');
  const counted = useStore(news)?.counts;
  const old = counted ? Object.values(counted).flatMap((byType) => Object.keys(byType)) : [];
  const types = [...new Set([...(value?.items.map(({ type }) => type) ?? []), ...old])].sort();
  const change = (field: keyof Filters, text: string) => go(jobsAt({ ...filters, [field]: text.trim() || undefined }));
  const [text, setText] = useState(filters.q ?? '');
  useEffect(() => setText(filters.q ?? ''), [filters.q]);
  return (
    <search>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          change('q', text);
        }}
      >
        <label>
          <span>Status</span>
          <select name="status" value={filters.status ?? ''} onChange={(e) => change('status', e.currentTarget.value)}>
            <option value="">Any</option>
            {order.map((status) => (
              <option key={status} value={status}>
                {names[status]}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Task</span>
          <select
            name="task_type"
            value={filters.task_type ?? ''}
            onChange={(e) => change('task_type', e.currentTarget.value)}
          >
            <option value="">Any</option>
            {types.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </label>
        {admin && (
          <label>
            <span>Owner</span>
            <input
              name="owner_id"
              placeholder="any user’s id"
              maxLength={64}
              value={filters.owner_id ?? ''}
              onChange={(e) => change('owner_id', e.currentTarget.value)}
            />
          </label>
        )}
        <label class="grow">
          <span>Id or idempotency key</span>
          <input
            name="q"
            type="search"
            maxLength={255}
            placeholder="exactly"
            value={text}
            onInput={(e) => setText(e.currentTarget.value)}
            onChange={(e) => change('q', e.currentTarget.value)}
          />
        </label>
      </form>
    </search>
  );
}

function JobList({ filters }: { filters: Filters }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const cursor = cursors.at(-1);
  const { value, error, reload, set } = useLoad<Page<Job>>(`/v1/jobs${query({ ...filters, cursor, limit: 25 })}`);
  const now = useNow();
  const shown = new Set(value?.items.map(({ id }) => id));
  useNews((fresh) => fresh.more || fresh.logs.some((log) => concerns(log, shown, cursor === undefined)), reload);
  // What the log says of a status is seen before the list is loaded anew.
  useEffect(() => news.watch((fresh) => fresh && set((page) => patched(page, fresh.logs))), [set]);
  const items = value?.items ?? [];
  return (
    <>
      {error && <p class="error">{error}</p>}
      {value && items.length === 0 ? (
        <NoJobs filters={filters} more={value.next_cursor !== null} />
      ) : (
        <div class="table-card" aria-busy={!value}>
          <table class="jobs">
            <thead>
              <tr>
                <th scope="col">Status</th>
                <th scope="col">Task</th>
                <th scope="col">Job</th>
                <th scope="col">Attempts</th>
                <th scope="col">Created</th>
                <th scope="col">Run at</th>
                <th scope="col">Ended</th>
              </tr>
            </thead>
            <tbody>
              {items.map((job) => (
                <Row key={job.id} job={job} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Pager cursors={cursors} next={value?.next_cursor} onTurn={setCursors} />
    </>
  );
}

const Row = ({ job, now }: { job: Job; now: number }) => (
  <tr data-job={job.id}>
    <td>
      <StatusBadge status={job.status} />
    </td>
    <td class="task">{job.task_type}</td>
    <td class="main">
      <a href={`#/jobs/${job.id}`} title={job.id}>
        {shortId(job.id)}
      </a>
      {job.idempotency_key && <small class="key-text">{job.idempotency_key}</small>}
      {job.error && job.status !== 'done' && <small class="error-text">{job.error}</small>}
    </td>
    <td data-label="attempts">{job.lease_epoch}</td>
    <td data-label="created">
      <When at={job.created_at} now={now} />
    </td>
    <td data-label="run at">
      {job.status === 'pending' || job.status === 'failed' ? (
        <When at={job.run_at} now={now} />
      ) : (
        <When at={null} now={now} />
      )}
    </td>
    <td data-label="ended">
      <When at={job.finished_at} now={now} />
    </td>
  </tr>
);

const NoJobs = ({ filters, more }: { filters: Filters; more: boolean }) =>
  more ? (
    <Empty title="None of the newest jobs fits.">Older ones may: press “Older”.</Empty>
  ) : Object.keys(filters).length > 0 ? (
    <Empty title="No job fits these filters.">
      {filters.q && 'The search takes a whole id, or a whole idempotency key. '}
      <a href="#/jobs">Show all jobs</a>
    </Empty>
  ) : (
    <Empty title="There are no jobs yet.">
      <a href="#/schedule">Schedule the first one</a>, here or with <code>POST /v1/jobs</code>.
    </Empty>
  );

const concerns = (log: LogEntry, shown: Set<string>, first: boolean): boolean =>
  log.to_status !== null && ((log.job_id !== null && shown.has(log.job_id)) || first);

/** The page with the statuses that the log, newest first, has brought. */
function patched(page: Page<Job>, logs: LogEntry[]): Page<Job> {
  const latest = new Map<string, LogEntry>();
  for (const log of logs) if (log.job_id && log.to_status && !latest.has(log.job_id)) latest.set(log.job_id, log);
  if (!page.items.some(({ id }) => latest.has(id))) return page;
  return {
    ...page,
    items: page.items.map((job) => ({ ...job, status: latest.get(job.id)?.to_status ?? job.status })),
  };
}
