import type { Command } from 'commander';
import { CliError, codeOf, exit } from './errors.ts';

export interface ClientOptions {
  url?: string;
  token?: string;
  json?: boolean;
  /** Whether to wait where the rate limit leaves no request, as who asks again and again does. */
  patient?: boolean;
}

/** The options of every command that talks to a system. */
export const client = (command: Command): Command =>
  command
    .option('--url <url>', 'where the API is (ESCAPEMENT_URL, else http://127.0.0.1:8000)')
    .option('--token <token>', 'your token (ESCAPEMENT_TOKEN)')
    .option('--json', 'print JSON, as the API answers it');

// biome-ignore lint/suspicious/noExplicitAny: a command reads what the API documents
type Json = any;

/** Calls the API; its answer as JSON. Throws a CliError for what is not a success. */
export async function call(options: ClientOptions, method: string, path: string, body?: unknown): Promise<Json> {
  const headers = { 'content-type': 'application/json' };
  const response = await send(options, method, path, body === undefined ? {} : { headers, body: JSON.stringify(body) });
  return response.json();
}

/** Calls the API; its answer as it came. */
export async function send(
  options: ClientOptions,
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const { url, token, patient } = options;
  const base = (url ?? process.env.ESCAPEMENT_URL) || 'http://127.0.0.1:8000';
  if (!URL.canParse(path, base)) throw new CliError(exit.usage, `The URL is ${base}, which is none.`);
  const key = token ?? process.env.ESCAPEMENT_TOKEN;
  let response: Response;
  try {
    const headers = { ...(init.headers as Record<string, string>), ...(key && { 'x-user-auth': key }) };
    response = await fetch(new URL(path, base), { ...init, method, headers });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    const hint = 'Is it started (npm start, npm run dev), and is the address right (--url, ESCAPEMENT_URL)?';
    throw new CliError(exit.failure, `${base} does not answer: ${cause?.message || message}. ${hint}`);
  }
  if (response.status === 429 && patient) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)));
    return send(options, method, path, init);
  }
  if (!response.ok) throw await problemOf(response, path);
  return response;
}

async function problemOf(response: Response, path: string): Promise<CliError> {
  const problem = (await response.json().catch(() => ({}))) as { title?: string; detail?: string };
  if (path.startsWith('/__emulator') && problem.detail === 'No route has this path.')
    return new CliError(exit.notFound, 'This system has no powers of the emulator: start it with npm run dev.');
  const said = [problem.title, problem.detail].filter(Boolean).join(': ') || 'no reason given';
  const hint = response.status === 401 ? ' (set ESCAPEMENT_TOKEN, or give --token)' : '';
  return new CliError(codeOf(response.status), `${response.status} ${said}${hint}`);
}

/** A query string of what is given. */
export function query(values: Record<string, string | undefined>): string {
  const given = Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}
