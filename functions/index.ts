import type { Endpoint } from '../core/http/endpoint.ts';
import type { Tick } from '../core/http/tick.ts';
import cancelJob from './cancel-job.ts';
import consolePage from './console.ts';
import coordinate from './coordinate.ts';
import createUser from './create-user.ts';
import disableUser from './disable-user.ts';
import getJob from './get-job.ts';
import health from './health.ts';
import listDumps from './list-dumps.ts';
import listJobs from './list-jobs.ts';
import listLogs from './list-logs.ts';
import listTasks from './list-tasks.ts';
import listUsers from './list-users.ts';
import live from './live.ts';
import openapi from './openapi.ts';
import processBatch from './process-batch.ts';
import redriveDlq from './redrive-dlq.ts';
import redriveJob from './redrive-job.ts';
import reportJobs from './report-jobs.ts';
import rotateUser from './rotate-user.ts';
import scheduleJob from './schedule-job.ts';
import scheduleJobs from './schedule-jobs.ts';

/** Every endpoint there is. The router, the OpenAPI document and the deploy descriptors are loops over this list. */
export const endpoints: readonly Endpoint[] = [
  scheduleJob,
  scheduleJobs,
  listJobs,
  reportJobs,
  getJob,
  cancelJob,
  redriveJob,
  redriveDlq,
  listLogs,
  listDumps,
  live,
  listTasks,
  createUser,
  listUsers,
  disableUser,
  rotateUser,
  health,
  openapi,
  consolePage,
];

/** Every tick there is; each also answers POST /v1/ticks/{name}. */
export const ticks: readonly Tick[] = [processBatch, coordinate];
