import { misfit, type Operation } from './document.ts';

/** A request as it goes over the wire, and the operation it is meant for. */
export interface Sent {
  operation: Operation;
  method: string;
  /** Values of path parameters, as they are written in the URL. */
  path: Record<string, string>;
  query: [name: string, value: string][];
  headers: Record<string, string>;
  body: Uint8Array | undefined;
}

export const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The path and query of a request. */
export function targetOf({ operation, path, query }: Sent): string {
  const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name] ?? '');
  // Lone halves of surrogate pairs have no bytes; well-formed text is sent as it is meant.
  const written = query.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join('&');
  return written ? `${filled}?${written}` : filled;
}

export const escaped = (text: string): string => encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/gu, '\ufffd'));

/** What the document says against a request, in one line; nothing where it is valid. */
export function misfitOf(sent: Sent): string | undefined {
  const { operation, method, path, query, headers, body } = sent;
  if (method !== operation.method) return 'the method is another';
  // A tick looks at no query and no body, as the description of its operation says.
  if (operation.secret) return undefined;
  const given = {
    path: Object.entries(path).map(([name, value]) => [name, decoded(value)] as const),
    query,
    header: Object.entries(headers),
  };
  const names = query.map(([name]) => name);
  if (new Set(names).size !== names.length) return 'a parameter is given twice';
  const unknown = names.find((name) => !operation.parameters.some((one) => one.in === 'query' && one.name === name));
  if (unknown !== undefined) return `there is no parameter ${unknown}`;
  for (const one of operation.parameters) {
    const found = given[one.in].find(([name]) => name.toLowerCase() === one.name.toLowerCase());
    if (!found && one.required) return `${one.name} is missing`;
    const wrong = found && misfit(one.schema, one.schema.type === 'integer' ? numberIn(found[1]) : found[1]);
    if (wrong) return `${one.name}: ${wrong}`;
  }
  if (!operation.body) return operation.method === 'POST' && !isEmpty(body) ? 'there is a body' : undefined;
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) return 'the content-type is another';
  const value = parsed(body);
  return value === undefined ? 'the body is not JSON' : misfit(operation.body, value.json);
}

/** What a segment of a path says; what escapes no text stands for itself. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const numberIn = (text: string): unknown => (/^-?(0|[1-9]\d*)$/.test(text) ? Number(text) : text);

const isEmpty = (body: Uint8Array | undefined): boolean =>
  ['', '{}'].includes(new TextDecoder().decode(body ?? new Uint8Array()).trim());

function parsed(body: Uint8Array | undefined): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch {
    return undefined;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A request as a line for a shell. Tokens are those of the run; put your own there. */
export function curlOf(sent: Sent, url = 'http://127.0.0.1:8000'): string {
  const { method, headers, body } = sent;
  const lines = Object.entries(headers).map(
    ([name, value]) => `-H ${quoted(value ? `${name}: ${value}` : `${name};`)}`,
  );
  const parts = [
    'curl -isS --path-as-is',
    `-X ${method}`,
    ...lines,
    ...(body ? [`--data-binary ${dataOf(body)}`] : []),
  ];
  return [...parts, quoted(url + targetOf(sent))].join(' ');
}

/** Text as it is; bytes that are no text, and control characters, in the shell's own escapes. */
function dataOf(body: Uint8Array): string {
  const text = Buffer.from(body).toString('utf8');
  if (Buffer.from(text).equals(Buffer.from(body)) && !/\p{Cc}/u.test(text)) return quoted(text);
  return `$'${[...body].map((byte) => (byte === 0x27 || byte === 0x5c || byte < 32 || byte > 126 ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte))).join('')}'`;
}
