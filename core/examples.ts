// Examples for the OpenAPI document. They are data only: nothing at run time reads them.

export const exampleJob = {
  id: '0199d4c2-6f3a-7b1e-9c4d-2a7f5e8b1c3d',
  owner_id: '0199d4c1-0000-7000-8000-000000000001',
  task_type: 'sleep',
  payload: { ms: 1000 },
  status: 'done',
  priority: 0,
  retries: 0,
  max_retries: 3,
  interruptions: 0,
  dlq_redrives: 0,
  run_at: '2026-11-24T09:00:00.000Z',
  timeout_ms: null,
  lease_epoch: 1,
  lease_worker: null,
  lease_until: null,
  cancel_requested_at: null,
  idempotency_key: null,
  result: { slept_ms: 1000 },
  error: null,
  created_at: '2026-11-24T09:00:00.000Z',
  started_at: '2026-11-24T09:00:00.004Z',
  finished_at: '2026-11-24T09:00:01.006Z',
};

const ended = { result: null, started_at: '2026-11-24T09:00:00.004Z', finished_at: '2026-11-24T09:00:01.006Z' };
export const exampleNewJob = {
  ...exampleJob,
  status: 'pending',
  lease_epoch: 0,
  ...ended,
  started_at: null,
  finished_at: null,
};
export const exampleBuriedJob = {
  ...exampleJob,
  ...ended,
  status: 'dlq',
  retries: 4,
  error: 'The receiver answered 500',
};
export const exampleCancelledJob = { ...exampleJob, ...ended, status: 'cancelled' };

export const exampleLog = {
  at: '2026-11-24T09:00:00.004Z',
  level: 'info',
  event: 'claimed',
  job_id: exampleJob.id,
  owner_id: exampleJob.owner_id,
  task_type: 'sleep',
  epoch: 1,
  worker: 'w-2a7f5e8b1c3d',
  from_status: 'pending',
  to_status: 'running',
  message: null,
  data: null,
};

export const exampleUser = {
  id: exampleJob.owner_id,
  name: 'ada',
  role: 'user',
  created_at: '2026-11-24T08:59:00.000Z',
  disabled_at: null,
};

export const exampleReport = {
  counts: {
    pending: { sleep: 2, sendEmail: 1 },
    running: {},
    failed: {},
    done: { transform: 3 },
    dlq: { sendEmail: 1 },
    cancelled: {},
  },
  totals: { pending: 3, running: 0, failed: 0, done: 3, dlq: 1, cancelled: 0 },
  dlqItems: [exampleBuriedJob],
};

const { dlqItems: _, ...exampleCounts } = exampleReport;

export const exampleSnapshot = {
  at: '2026-11-24T09:00:00.000Z',
  ...exampleCounts,
  events: { scheduled: 4, claimed: 3, done: 3 },
  every: 1,
  span_ms: 60_000,
  wait_ms: { p50: 2, p95: 9, p99: 14 },
  run_ms: { p50: 20, p95: 90, p99: 140 },
  oldest_due_ms: 0,
};

export const exampleNews = {
  cursor: 'MTJhLmExYjJjM2Q0ZTVmNmE3Yjg',
  at: '2026-11-24T09:00:00.104Z',
  ...exampleCounts,
  next_due_at: '2026-11-24T09:05:00.000Z',
  logs: [exampleLog],
  more: false,
};
