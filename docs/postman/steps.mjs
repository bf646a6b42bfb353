/**
 * One request of the collection. What it leaves out comes from its operation in the OpenAPI document: the body from the
 * example, the status from the first success, the shape of the answer from its schema.
 * @typedef {object} Step
 * @property {string} name
 * @property {string} operation an operationId
 * @property {string} [as] the variable that holds the token to send; none is sent without it
 * @property {Record<string, string>} [path] path parameters
 * @property {Record<string, string>} [query]
 * @property {object} [body]
 * @property {number} [status]
 * @property {Record<string, string>} [save] variables, and the fields of the answer that they take
 * @property {string} [until] the request is sent again until the job has this status
 * @property {string[]} [checks] further lines of its test script, where `body` is the answer
 */

const job = { id: '{{jobId}}' };
const failing = { id: '{{failingId}}' };
const broken = { task_type: 'transform', payload: { input: 'text', expression: 'abs(@)' }, max_retries: 0 };

const check = (sentence, expectation) => `pm.test('${sentence}', () => ${expectation});`;
const hasCode = (code) => check(`the code is ${code}`, `pm.expect(body.code).to.equal('${code}')`);
const hasStatus = (status) => check(`the job is ${status}`, `pm.expect(body.status).to.equal('${status}')`);
const isJob = (name) => check('it is the same job', `pm.expect(body.id).to.equal(pm.variables.get('${name}'))`);

/**
 * The requests in the order in which they run.
 * @type {Step[]}
 */
export const steps = [
  { name: 'The service answers', operation: 'health' },
  { name: 'Its OpenAPI document', operation: 'openapi' },
  { name: 'Its console', operation: 'console' },
  { name: 'Create a user', operation: 'createUser', as: 'token', save: { userId: 'id', userToken: 'token' } },
  { name: 'List users', operation: 'listUsers', as: 'token', query: { limit: '5' } },
  { name: 'A user may not list users', operation: 'listUsers', as: 'userToken', status: 403 },

  { name: 'Schedule a job', operation: 'scheduleJob', as: 'userToken', save: { jobId: 'id' } },
  {
    name: 'The same request with the same key schedules nothing',
    operation: 'scheduleJob',
    as: 'userToken',
    status: 200,
    checks: [isJob('jobId'), check('it says so', "pm.response.to.have.header('Idempotent-Replayed', 'true')")],
  },
  {
    name: 'An unknown task type is refused',
    operation: 'scheduleJob',
    as: 'userToken',
    body: { task_type: 'nonesuch', payload: {} },
    status: 422,
    checks: [hasCode('unknown_task_type')],
  },
  { name: 'Schedule a batch', operation: 'scheduleJobs', as: 'userToken' },
  { name: 'Get the job until it is done', operation: 'getJob', as: 'userToken', path: job, until: 'done' },
  { name: 'List done jobs', operation: 'listJobs', as: 'userToken', query: { status: 'done', limit: '10' } },
  { name: 'The log of the job', operation: 'listLogs', as: 'userToken', query: { job_id: '{{jobId}}' } },
  { name: 'The report', operation: 'reportJobs', as: 'userToken' },
  { name: 'What is going on', operation: 'live', as: 'userToken' },
  { name: 'The task types', operation: 'listTasks', as: 'userToken' },
  { name: 'Snapshots of the report', operation: 'listDumps', as: 'token' },

  {
    name: 'Schedule a job for later',
    operation: 'scheduleJob',
    as: 'userToken',
    body: { task_type: 'sleep', payload: { ms: 1 }, delay_ms: 3_600_000 },
    save: { jobId: 'id' },
    checks: [hasStatus('pending')],
  },
  { name: 'Cancel it', operation: 'cancelJob', as: 'userToken', path: job, checks: [hasStatus('cancelled')] },
  {
    name: 'What is finished cannot be cancelled',
    operation: 'cancelJob',
    as: 'userToken',
    path: job,
    status: 409,
    checks: [hasCode('job_finished')],
  },

  {
    name: 'Schedule a job that fails',
    operation: 'scheduleJob',
    as: 'userToken',
    body: broken,
    save: { failingId: 'id' },
  },
  { name: 'Get it until it is in the DLQ', operation: 'getJob', as: 'userToken', path: failing, until: 'dlq' },
  {
    name: 'What a bulk redrive would do',
    operation: 'redriveDlq',
    as: 'token',
    body: { reason: 'A rehearsal', owner_id: '{{userId}}', dry_run: true },
    checks: [check('it finds the job and leaves it', 'pm.expect(body).to.include({ matched: 1, redriven: 0 })')],
  },
  { name: 'Redrive the job', operation: 'redriveJob', as: 'userToken', path: failing, checks: [hasStatus('pending')] },
  { name: 'It fails again', operation: 'getJob', as: 'userToken', path: failing, until: 'dlq' },
  {
    name: 'Redrive in bulk',
    operation: 'redriveDlq',
    as: 'token',
    body: { reason: 'Once more', owner_id: '{{userId}}', task_type: 'transform', limit: 10 },
    checks: [check('it redrives the job', 'pm.expect(body).to.include({ matched: 1, redriven: 1 })')],
  },
  { name: 'Cancel what will never succeed', operation: 'cancelJob', as: 'userToken', path: failing },

  { name: 'Run process-batch now', operation: 'runTick', as: 'tickSecret', path: { name: 'process-batch' } },
  { name: 'Run coordinate now', operation: 'runTick', as: 'tickSecret', path: { name: 'coordinate' } },

  {
    name: 'Give the user a new token',
    operation: 'rotateUser',
    as: 'token',
    path: { id: '{{userId}}' },
    save: { newToken: 'token' },
  },
  { name: 'Its old token is worth nothing', operation: 'listJobs', as: 'userToken', status: 401 },
  { name: 'Its new token lets it in', operation: 'listJobs', as: 'newToken' },
  { name: 'Disable the user', operation: 'disableUser', as: 'token', path: { id: '{{userId}}' } },
  { name: 'Its token is worth nothing any more', operation: 'listJobs', as: 'newToken', status: 401 },
  { name: 'Without a token nothing is shown', operation: 'listJobs', status: 401 },
  {
    name: 'What is not there is not found',
    operation: 'getJob',
    as: 'token',
    path: { id: '00000000-0000-7000-8000-000000000000' },
    status: 404,
    checks: [hasCode('not_found')],
  },
];
