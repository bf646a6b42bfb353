import { bracketsIn } from './depth.ts';
import { type FieldError, Problem } from './problem.ts';

export const MAX_BODY_BYTES = 1_048_576;
const MAX_DRAINED_BYTES = 16 * MAX_BODY_BYTES;
const MAX_BODY_DEPTH = 48;

/** The JSON body of a request, at most 1 MiB. Throws a Problem for anything that JSON cannot carry faithfully. */
export async function readJson(request: Request): Promise<unknown> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) throw new Problem('malformed_json', 'The body is empty; a JSON object is needed.');
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    throw new Problem('unsupported_media_type', 'The content-type of the body must be application/json.');
  }
  const value = parse(bytes);
  const error = findIllFormed(value, '', MAX_BODY_DEPTH);
  if (error) throw illFormed(error);
  return value;
}

function parse(bytes: Uint8Array): unknown {
  const malformed = () => new Problem('malformed_json', 'The body is not valid JSON in UTF-8.');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed();
  }
  const { deepest, closed } = bracketsIn(text);
  if (!closed) throw malformed();
  if (deepest > MAX_BODY_DEPTH) throw illFormed({ path: '', message: 'nested too deep' });
  try {
    return JSON.parse(text);
  } catch {
    throw malformed();
  }
}

const illFormed = (error: FieldError): Problem =>
  new Problem('ill_formed_value', `${error.path || 'The body'}: ${error.message}`, { errors: [error] });

/** Refuses a body where none is expected, but for an empty one and `{}`. */
export async function refuseBody(request: Request): Promise<void> {
  if (!request.body) return;
  const text = new TextDecoder().decode(await readBytes(request)).trim();
  if (text !== '' && text !== '{}') throw new Problem('invalid_body', 'This route takes no body.');
}

/** Reads at most MAX_BODY_BYTES. What Content-Length says can refuse a body early, never admit a longer one. */
async function readBytes(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get('content-length');
  let bytes: Uint8Array | undefined;
  if (Number(announced ?? 0) <= MAX_BODY_BYTES) {
    try {
      bytes = announced === null ? await readStream(request) : new Uint8Array(await request.arrayBuffer());
    } catch {
      throw new Problem('malformed_json', 'The body ended before it was whole.');
    }
  }
  if (!bytes || bytes.length > MAX_BODY_BYTES)
    throw new Problem('body_too_large', `The body may hold ${MAX_BODY_BYTES} bytes.`);
  return bytes;
}

/** The bytes of a body of unknown length; undefined when there are too many. */
async function readStream(request: Request): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    length += next.value.length;
    if (length > MAX_BODY_BYTES) {
      void drain(reader as ReadableStreamDefaultReader<Uint8Array>);
      return undefined;
    }
    chunks.push(next.value);
  }
  const bytes = new Uint8Array(length);
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return bytes;
}

/** Many clients listen only after they have sent all: reading on for a while lets them see the answer. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    let length = 0;
    for (let next = await reader.read(); !next.done && length < MAX_DRAINED_BYTES; next = await reader.read())
      length += next.value.length;
    await reader.cancel();
  } catch {}
}

/** The first value that would not come back as it was sent: too deep, too large a number, NUL, half a surrogate pair. */
export function findIllFormed(value: unknown, path: string, depth: number): FieldError | undefined {
  if (typeof value === 'string') return badText(value) ? { path, message: badText(value) as string } : undefined;
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    return { path, message: 'a number beyond 2^53 - 1 loses digits; send it as a string' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === 0) return { path, message: 'nested too deep' };
  if (Array.isArray(value)) return findIn(value.keys(), value, path, depth);
  const keys = Object.keys(value);
  for (const key of keys) {
    if (key === '__proto__') return { path: `${path}/${key}`, message: 'a key may not be __proto__' };
    const bad = badText(key);
    if (bad) return { path: `${path}/${key}`, message: `a key holds ${bad}` };
  }
  return findIn(keys, value, path, depth);
}

/** As findIllFormed, of what is inside. A path is made for what was found alone: most values are well. */
function findIn(keys: Iterable<number | string>, holder: object, path: string, depth: number): FieldError | undefined {
  for (const key of keys) {
    const error = findIllFormed((holder as Record<number | string, unknown>)[key], '', depth - 1);
    if (error) return { ...error, path: `${path}/${key}${error.path}` };
  }
  return undefined;
}

/** How deep a value nests: 0 for a scalar, 1 for `{}`. Stops counting at `limit`. */
export function depthOf(value: unknown, limit: number): number {
  if (typeof value !== 'object' || value === null || limit === 0) return 0;
  return 1 + Object.values(value).reduce((most: number, child) => Math.max(most, depthOf(child, limit - 1)), 0);
}

const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function badText(text: string): string | undefined {
  if (text.includes('\u0000')) return 'a NUL character';
  // isWellFormed is ES2024: present in Node 20 and in Workers, not yet in every type library.
  const wellFormed = (text as { isWellFormed?(): boolean }).isWellFormed?.() ?? !loneSurrogate.test(text);
  return wellFormed ? undefined : 'half of a surrogate pair';
}
