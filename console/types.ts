import type { Job } from '../core/lifecycle/job.ts';
import type { Status } from '../core/lifecycle/states.ts';
import type { Report } from '../core/views/report.ts';

export type { Job, Status };

export interface LogEntry {
  at: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  event: string;
  job_id: string | null;
  owner_id: string | null;
  task_type: string | null;
  epoch: number | null;
  worker: string | null;
  from_status: Status | null;
  to_status: Status | null;
  message: string | null;
  data: unknown;
}

export interface News extends Pick<Report, 'counts' | 'totals'> {
  cursor: string;
  at: string;
  next_due_at: string | null;
  logs: LogEntry[];
  more: boolean;
}

type Times = { p50: number; p95: number; p99: number } | null;

export interface Snapshot extends Pick<Report, 'counts' | 'totals'> {
  at: string;
  events: Record<string, number>;
  every: number;
  span_ms: number;
  wait_ms: Times;
  run_ms: Times;
  oldest_due_ms: number;
}

export interface Snapshots {
  items: Snapshot[];
  coordinated_at: string | null;
  claimed_at: string | null;
}

export interface JsonSchema {
  type?: string;
  description?: string;
  enum?: string[];
  format?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  required?: string[];
  properties?: Record<string, JsonSchema>;
}

export interface TaskInfo {
  type: string;
  summary: string;
  payload: JsonSchema;
  example: Record<string, unknown>;
}

export interface User {
  id: string;
  name: string;
  role: 'admin' | 'user';
  created_at: string;
  disabled_at: string | null;
}

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}
