/** What the service said when it refused: its words, and the stable code. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const KEY = 'escapement.token';
let token = sessionStorage.getItem(KEY);
let onSignOut = (_: string) => {};
let left = Number.POSITIVE_INFINITY;

export const signedIn = (): boolean => token !== null;

/** Keeps the token for this tab until it is closed; it never stands in a URL. */
export function keepToken(value: string): void {
  token = value;
  sessionStorage.setItem(KEY, value);
}

/** Forgets the token, and says why on the page where one signs in. */
export function signOut(why = ''): void {
  token = null;
  sessionStorage.removeItem(KEY);
  onSignOut(why);
}

export const whenSignedOut = (call: (why: string) => void): void => {
  onSignOut = call;
};

/** Requests that the rate limit leaves, as the newest answer said. */
export const requestsLeft = (): number => left;

/** Sends a request with the token. Throws an ApiError whose message is for people. */
export async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      cache: 'no-store',
      headers: {
        ...(token && { 'x-user-auth': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'offline', 'The service does not answer. Is it running?');
  }
  const limit = /r=(\d+)/.exec(response.headers.get('ratelimit') ?? '');
  if (limit) left = Number(limit[1]);
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  if (response.status === 401 && token) signOut('There is no enabled user with this token.');
  throw new ApiError(response.status, problem.code ?? '', problem.detail ?? `The service answered ${response.status}.`);
}

/** Sends a request; the JSON of its answer. */
export async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  return (await send(method, path, body)).json() as Promise<Answer>;
}

export const get = <Answer>(path: string): Promise<Answer> => call('GET', path);

/** A query string of what is not empty. */
export function query(parts: Record<string, string | number | undefined>): string {
  const used = Object.entries(parts).filter(([, value]) => value !== undefined && value !== '');
  return used.length > 0 ? `?${new URLSearchParams(used.map(([name, value]) => [name, String(value)]))}` : '';
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
