import fc from 'fast-check';
import { type Json, operations } from './document.ts';
import { encoded, escaped, type Sent } from './request.ts';
import { wrongValue } from './values.ts';

const kinds = {
  'another value in the body': (sent, pick, value) => inBody(sent, pick, (holder, key) => put(holder, key, value)),
  'a field less': (sent, pick) => inBody(sent, pick, (holder, key) => remove(holder, key)),
  'a field more': (sent, pick, value) => inBody(sent, pick, (holder) => put(holder, unknownName(pick), value)),
  'another body': (sent, _, value) => ({ ...sent, body: encoded(value) }),
  'no body': (sent) => ({ ...sent, body: undefined }),
  'a body cut short': (sent, pick) => ({ ...sent, body: sent.body?.subarray(0, pick % (sent.body.length + 1)) }),
  'a byte changed': (sent, pick) => ({ ...sent, body: changed(sent.body, pick) }),
  'another content-type': (sent, pick) => header(sent, 'content-type', mediaTypes[pick % mediaTypes.length] ?? ''),
  'a content-encoding': (sent) => header(sent, 'content-encoding', 'gzip'),
  'a parameter more': (sent, pick, value) => ({ ...sent, query: [...sent.query, [unknownName(pick), text(value)]] }),
  'a parameter twice': (sent) => ({ ...sent, query: [...sent.query, ...sent.query] }),
  'another value in the query': (sent, pick, value) => ({
    ...sent,
    query: sent.query.map(([name, old], i) => [name, i === pick % sent.query.length ? text(value) : old]),
  }),
  'another value in the path': (sent, pick, value) => ({
    ...sent,
    path: Object.fromEntries(Object.keys(sent.path).map((name) => [name, inPath(pick, value)])),
  }),
  'another token': (sent, pick, value) =>
    header(sent, pick % 2 ? 'x-user-auth' : 'x-tick-secret', printable(text(value))),
  'another key': (sent, _, value) => header(sent, 'idempotency-key', printable(text(value))),
  'another method': (sent, pick) => byMethod(sent, methods[pick % methods.length] as string),
} satisfies Record<string, (sent: Sent, pick: number, value: unknown) => Sent>;

/** One way to spoil a request. */
export interface Mutation {
  kind: keyof typeof kinds;
  pick: number;
  value: unknown;
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
  pick: fc.nat(),
  value: wrongValue,
});

/** The request with a mutation in it; now and then it is valid still. */
export const spoilt = (sent: Sent, { kind, pick, value }: Mutation): Sent => kinds[kind](sent, pick, value);

const mediaTypes = ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'application/JSON; x', ''];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** The same path by another method; it may be another operation. */
const byMethod = (sent: Sent, method: string): Sent => ({
  ...sent,
  method,
  operation: operations.find((one) => one.path === sent.operation.path && one.method === method) ?? sent.operation,
});
const names = ['colour', 'owner_id', 'status', 'id', 'role', 'constructor', '__proto__', 'lease_epoch', 'a\u0000', ''];
const unknownName = (pick: number): string => names[pick % names.length] as string;

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
// What a header line can carry; other bytes are tried over a bare socket elsewhere.
const printable = (value: string): string =>
  value
    .replaceAll(/[^ -~]/g, '')
    .trim()
    .slice(0, 4000);

const broken = ['%zz', '%', '%ff', '%00', '..%2f', ';', '%25', '%E2%82', '%0d%0aX:1'];
const inPath = (pick: number, value: unknown): string =>
  (pick % 3 === 0 ? (broken[pick % broken.length] as string) : escaped(text(value))).slice(0, 4000) || 'x';

const header = (sent: Sent, name: string, value: string): Sent => ({
  ...sent,
  headers: { ...sent.headers, [name]: value },
});

function changed(body: Uint8Array | undefined, pick: number): Uint8Array | undefined {
  if (!body?.length) return body;
  const copy = Uint8Array.from(body);
  copy[pick % copy.length] = (pick >>> 8) & 255;
  return copy;
}

/** Changes a place in the JSON of the body: `pick` says which. A body without places stays as it is. */
function inBody(sent: Sent, pick: number, change: (holder: Json, key: string) => void): Sent {
  let body: Json;
  try {
    body = JSON.parse(new TextDecoder().decode(sent.body));
  } catch {
    return sent;
  }
  const places = placesIn(body);
  const place = places[pick % places.length];
  if (!place) return sent;
  change(...place);
  return { ...sent, body: encoded(body) };
}

function placesIn(value: Json, depth = 5): [holder: Json, key: string][] {
  if (typeof value !== 'object' || value === null || depth === 0) return [];
  return Object.keys(value).flatMap((key) => [[value, key] as [Json, string], ...placesIn(value[key], depth - 1)]);
}

const put = (holder: Json, key: string, value: unknown): void => {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
};

function remove(holder: Json, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}
