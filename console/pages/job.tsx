import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, get } from '../api.ts';
import { useNow } from '../clock.ts';
import { duration } from '../format.ts';
import { news } from '../live.ts';
import { useLoad, useNews } from '../load.ts';
import { Card, Copy, Empty, Json, PageHead, say, When } from '../parts/bits.tsx';
import { Ask } from '../parts/dialog.tsx';
import { StatusBadge } from '../parts/status.tsx';
import type { Job, LogEntry, News, Page } from '../types.ts';
import { why } from '../why.ts';
import { Timeline } from './timeline.tsx';

/** One job: why it is where it is, what it was given and came to, and its life so far. */
export function JobPage({ id }: { id: string }) {
  const path = `/v1/jobs/${encodeURIComponent(id)}`;
  const { value: job, error, reload, set } = useLoad<Job>(path);
  const [logs, setLogs] = useState<LogEntry[]>([]);
  const [older, setOlder] = useState<string | null>(null);
  const loadLogs = async () => {
    const { items, next_cursor } = await get<Page<LogEntry>>(`/v1/logs?limit=100&job_id=${encodeURIComponent(id)}`);
    setLogs(items);
    setOlder(next_cursor);
  };
  useEffect(() => {
    loadLogs().catch(() => {});
  }, []);
  useEffect(() => {
    const take = (fresh: News | null) => {
      if (!fresh) return;
      const mine = fresh.logs.filter(({ job_id }) => job_id === id);
      if (mine.length === 0) return;
      setLogs((known) => [...mine.filter((one) => !known.some((old) => same(old, one))), ...known]);
      const moved = mine.find(({ to_status }) => to_status !== null);
      if (moved?.to_status) set((old) => ({ ...old, status: moved.to_status as Job['status'] }));
    };
    return news.watch(take);
  }, [id, set]);
  useNews(
    (fresh) => fresh.more || fresh.logs.some(({ job_id }) => job_id === id),
    () => {
      reload();
      // What happened too fast to be told is in the log all the same.
      if (news.value?.more) loadLogs().catch(() => {});
    },
  );
  if (!job)
    return error ? (
      <Empty title={error}>
        <a href="#/jobs">Show all jobs</a>
      </Empty>
    ) : (
      <p class="faint">Loading…</p>
    );
  return (
    <>
      <PageHead title={<JobTitle job={job} />}>
        <Actions job={job} onDone={(changed) => set(() => changed)} />
      </PageHead>
      {error && <p class="error">{error}</p>}
      <Why job={job} />
      <div class="columns wide-left">
        <div class="stack">
          <Card title="Life">
            <Timeline job={job} logs={logs} more={older !== null} />
          </Card>
          {job.error && (
            <Card title="Error">
              <Json value={job.error} label="Error" />
            </Card>
          )}
          {job.status === 'done' && (
            <Card title="Result">
              <Json value={job.result} label="Result" />
            </Card>
          )}
          <Card title="Payload">
            <Json value={job.payload} label="Payload" />
          </Card>
        </div>
        <Facts job={job} />
      </div>
    </>
  );
}

const same = (a: LogEntry, b: LogEntry): boolean => JSON.stringify(a) === JSON.stringify(b);

const JobTitle = ({ job }: { job: Job }) => (
  <>
    {job.task_type} <StatusBadge status={job.status} />
  </>
);

/** One sentence, read out when it becomes another one, not every second. */
function Why({ job }: { job: Job }) {
  const now = useNow();
  return (
    <p class={`why status-${job.status}`}>
      <span>{why(job, now)}</span>
      <span class="hidden" role="status">
        The job is {job.status}.
      </span>
    </p>
  );
}

function Facts({ job }: { job: Job }) {
  const now = useNow();
  const ran =
    job.started_at && job.finished_at ? duration(Date.parse(job.finished_at) - Date.parse(job.started_at)) : '–';
  const facts: [string, ComponentChildren][] = [
    ['Id', <Copy key="id" text={job.id} label="the id" />],
    ['Owner', <code key="owner">{job.owner_id}</code>],
    ['Attempts', job.lease_epoch],
    ['Retries', `${Math.min(job.retries, job.max_retries)} of ${job.max_retries}`],
    ['Interruptions', job.interruptions],
    ['Second chances', job.dlq_redrives],
    ['Priority', job.priority],
    ['Created', <When key="created" at={job.created_at} now={now} />],
    ['Run at', <When key="run" at={job.run_at} now={now} />],
    ['Started', <When key="started" at={job.started_at} now={now} />],
    ['Ended', <When key="ended" at={job.finished_at} now={now} />],
    ['Ran for', ran],
    ['Timeout', job.timeout_ms === null ? 'the default' : duration(job.timeout_ms)],
    ...(job.idempotency_key
      ? [['Idempotency key', <code key="key">{job.idempotency_key}</code>] as [string, ComponentChildren]]
      : []),
  ];
  return (
    <Card title="Facts">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Actions({ job, onDone }: { job: Job; onDone(job: Job): void }) {
  const [asking, setAsking] = useState<'cancel' | 'redrive' | null>(null);
  const path = `/v1/jobs/${job.id}`;
  const close = () => setAsking(null);
  return (
    <>
      {job.status === 'dlq' && (
        <button type="button" class="primary" onClick={() => setAsking('redrive')}>
          Redrive…
        </button>
      )}
      {job.status !== 'done' && job.status !== 'cancelled' && (
        <button type="button" class="danger" onClick={() => setAsking('cancel')}>
          Cancel…
        </button>
      )}
      {asking === 'cancel' && (
        <Ask
          title="Cancel this job?"
          action="Cancel the job"
          danger
          onClose={close}
          onYes={async () => {
            onDone(await call<Job>('POST', `${path}/cancel`));
            say('The job was cancelled.');
          }}
        >
          <p>A cancelled job never runs again. What its handler has done so far stays done.</p>
        </Ask>
      )}
      {asking === 'redrive' && (
        <Ask
          title="Redrive this job?"
          action="Redrive"
          reason="Reason, for the log"
          onClose={close}
          onYes={async (reason) => {
            onDone(await call<Job>('POST', `${path}/redrive`, { reason }));
            say('The job is pending again.');
          }}
        >
          <p>It leaves the dead-letter queue and runs again with all its retries.</p>
        </Ask>
      )}
    </>
  );
}
