import { isPassing } from '../repeat.ts';
import { SettingError } from '../settings.ts';
import { isFull } from '../storage-fault.ts';
import { commonHeaders } from './headers.ts';

/** Every problem there is: its stable `code`, its status and its title. Clients may rely on all three. */
export const problems = {
  malformed_request: [400, 'The request is not valid HTTP'],
  malformed_json: [400, 'The body is not JSON'],
  ill_formed_value: [400, 'The body holds a value that cannot be stored faithfully'],
  bad_parameter: [400, 'A parameter of the request is wrong'],
  bad_cursor: [400, 'The cursor does not belong to this list'],
  unauthorized: [401, 'A valid token is needed'],
  forbidden: [403, 'This is for admins'],
  not_found: [404, 'There is no such thing'],
  method_not_allowed: [405, 'The route does not take this method'],
  request_timeout: [408, 'The request took too long'],
  job_finished: [409, 'The job is finished'],
  job_not_in_dlq: [409, 'The job is not in the dead-letter queue'],
  last_admin: [409, 'The last admin cannot be disabled'],
  sole_admin: [409, 'The only admin cannot replace its own token'],
  user_disabled: [409, 'The user is disabled'],
  body_too_large: [413, 'The body is too large'],
  payload_too_large: [413, 'The payload is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  invalid_body: [422, 'The body does not fit the schema'],
  invalid_payload: [422, 'The payload does not fit the task'],
  unknown_task_type: [422, 'There is no such task type'],
  idempotency_key_reused: [422, 'The idempotency key belongs to another request'],
  rate_limited: [429, 'Too many requests'],
  headers_too_large: [431, 'The headers are too large'],
  internal: [500, 'Something went wrong here'],
  misconfigured: [503, 'A setting of the service is wrong'],
  database_busy: [503, 'The database is busy'],
  database_unavailable: [503, 'The database does not answer'],
  storage_full: [507, 'The storage is full'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof problems;
export interface FieldError {
  path: string;
  message: string;
}

const MAX_DETAIL = 1000;
const MAX_ERROR = 300;

/** An answer that is not a success, RFC 9457. `detail` is read by people; it never holds a stack or an SQL text. */
export class Problem extends Error {
  override name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: FieldError[] | undefined;
  readonly headers: Record<string, string>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { errors?: FieldError[]; headers?: Record<string, string> } = {},
  ) {
    // What is wrong with a request may be as long as the request.
    super(detail.slice(0, MAX_DETAIL));
    this.code = code;
    this.errors = more.errors?.map(({ path, message }) => ({
      path: path.slice(0, MAX_ERROR),
      message: message.slice(0, MAX_ERROR),
    }));
    this.headers = more.headers ?? {};
  }

  get status(): number {
    return problems[this.code][0];
  }

  /** The answer; `requestId` leads from it to the lines of the log. */
  toResponse(requestId: string, headers: Record<string, string> = {}): Response {
    const body = {
      type: `urn:escapement:problem:${this.code}`,
      title: problems[this.code][1],
      status: this.status,
      detail: this.message,
      code: this.code,
      request_id: requestId,
      ...(this.errors && { errors: this.errors }),
    };
    return new Response(JSON.stringify(body), {
      status: this.status,
      headers: {
        ...commonHeaders(requestId),
        ...headers,
        ...this.headers,
        'content-type': 'application/problem+json',
      },
    });
  }
}

// What SQLite says of its file, what D1 says of anything, and what is said here of libSQL's server and a missing binding.
const unavailable =
  /SQLITE_(READONLY|IOERR|CORRUPT|FULL|CANTOPEN|NOTADB|PROTOCOL|NOMEM)|D1_ERROR|database is not answering|binding DB/;

const words: [RegExp, string][] = [
  [/SQLITE_READONLY/, 'The database can only be read at the moment. Try again later.'],
  [/SQLITE_IOERR/, 'The disk of the database does not work as it should. Try again later.'],
  [/SQLITE_(CORRUPT|NOTADB)/, 'The database is damaged; whoever runs the service has to restore it.'],
];

/** What the world did wrong, as a Problem. Anything unforeseen becomes `internal`, its text kept from the client. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof SettingError)
    return new Problem('misconfigured', `${error.setting} holds a value that is not allowed.`);
  const { code = '', message = error } = Object(error) as { code?: unknown; message?: unknown };
  const text = `${String(code)} ${String(message)}`;
  const again = { headers: { 'retry-after': '1' } };
  if (/SQLITE_BUSY|database is locked/i.test(text)) {
    return new Problem('database_busy', 'Another writer holds the database. Try again.', again);
  }
  if (isFull(error)) {
    const detail = 'The storage of the service is full: nothing can be written until there is space again.';
    return new Problem('storage_full', detail, { headers: { 'retry-after': '10' } });
  }
  if (/no such (table|column)/i.test(text)) {
    return new Problem('database_unavailable', 'The database is not migrated to this version.', again);
  }
  if (unavailable.test(text) || isPassing(error)) {
    const [, detail] = words.find(([said]) => said.test(text)) ?? [];
    return new Problem('database_unavailable', detail ?? 'The database does not work as it should. Try again.', again);
  }
  return new Problem('internal', 'The request failed for a reason that is in the log of the service.');
}
