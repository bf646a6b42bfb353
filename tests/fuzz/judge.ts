import { misfit, type Operation, valuesIn } from './document.ts';
import { misfitOf, type Sent } from './request.ts';

/** An answer, and whether the database was written to meanwhile, rate-limit buckets apart. */
export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  written: boolean;
}

/** What a valid request is never told. */
const syntax = ['malformed_request', 'malformed_json', 'ill_formed_value', 'bad_parameter', 'invalid_body'].concat(
  ...['invalid_payload', 'unsupported_media_type', 'body_too_large', 'payload_too_large', 'unknown_task_type'],
);

/** What any request may be told before an operation sees it: the path or the method is no route's. */
const unrouted: Record<number, string[]> = {
  400: ['malformed_request'],
  401: ['unauthorized'],
  404: ['not_found'],
  405: ['method_not_allowed'],
  431: ['headers_too_large'],
};

/** Holds an answer against the document: a sentence for each thing that is wrong with it. `mutated` says that it may be invalid. */
export function complaints(sent: Sent, answer: Answered, mutated: boolean): string[] {
  const found: string[] = [];
  const { status } = answer;
  if (status >= 500) found.push(`it failed with ${status}`);
  const problem = status >= 400 && sent.method !== 'HEAD' ? codeIn(answer.text) : undefined;
  const elsewhere = mutated && problem !== undefined && unrouted[status]?.includes(problem);
  if (!elsewhere && sent.method !== 'HEAD') found.push(...undocumented(sent.operation, answer));
  if (sent.method === 'HEAD' && answer.text !== '') found.push('HEAD has a body');
  const wrong = mutated ? misfitOf(sent) : undefined;
  if (wrong && sent.method !== 'HEAD' && status < 400) found.push(`it was taken with ${status}, though ${wrong}`);
  if (status >= 400 && answer.written) found.push(`it was refused with ${status}, and wrote to the database`);
  if (sent.method !== 'POST' && answer.written) found.push(`${sent.method} wrote to the database`);
  if (!mutated && problem !== undefined && syntax.includes(problem)) found.push(`a valid request is told ${problem}`);
  return found;
}

function codeIn(text: string): string | undefined {
  try {
    return JSON.parse(text).code;
  } catch {
    return 'none';
  }
}

function undocumented({ id, responses }: Operation, { status, headers, text }: Answered): string[] {
  const documented = responses[status];
  if (!documented) return [`${id} has no answer ${status} in the document`];
  const found = Object.keys(documented.headers ?? {})
    .filter((name) => !headers.has(name))
    .map((name) => `the header ${name} is missing`);
  const type = headers.get('content-type') ?? '';
  const content = documented.content[type];
  if (!content) return [...found, `the content-type ${type} is not in the document`];
  for (const value of valuesIn(type, text)) {
    const wrong = misfit(content.schema, value);
    if (wrong) found.push(`the body does not fit its schema: ${wrong}`);
  }
  const code = status >= 400 && codeIn(text);
  if (code && !(code in content.examples)) found.push(`the code ${code} is not in the document for ${status}`);
  if (
    /\b(SELECT|INSERT INTO|UPDATE \w+ SET)\b.*\?\d|SQLITE_|D1_ERROR|\bat \S+ \(.*:\d+:\d+\)/.test(
      status >= 400 ? text : '',
    )
  )
    found.push('the problem shows the inside');
  return found;
}
