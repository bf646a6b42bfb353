import { query, requestsLeft, send, signedIn } from './api.ts';
import { clock } from './clock.ts';
import { Store } from './store.ts';
import type { LogEntry, News } from './types.ts';

export type Connection = 'connecting' | 'live' | 'offline';

const WAIT_S = 20;
const MAX_TAIL = 400;
/** A platform that keeps an answer back until it is whole would show nothing for 20 s: it is asked without `follow`. */
const FIRST_LINE_MS = 4000;

/** The newest news, what was logged since the page was opened (newest first), and how the connection is. */
export const news = new Store<News | null>(null);
export const tail = new Store<LogEntry[]>([]);
export const connection = new Store<Connection>('connecting');

let buffered = false;
let running = false;

/** Watches the service while the tab is visible and somebody is signed in. One call lasts 20 s and counts as one request. */
export async function startLive(): Promise<void> {
  if (running) return;
  running = true;
  let failures = 0;
  while (signedIn()) {
    if (document.hidden) await shown();
    try {
      await follow();
      failures = 0;
    } catch {
      if (!signedIn()) break;
      connection.set('offline');
      failures += 1;
      await pause(Math.min(15_000, 500 * 2 ** failures));
    }
  }
  running = false;
  news.set(null);
  tail.set([]);
  connection.set('connecting');
}

async function follow(): Promise<void> {
  const cursor = news.value?.cursor;
  const abort = new AbortController();
  const hide = () => document.hidden && abort.abort();
  document.addEventListener('visibilitychange', hide);
  const path = `/v1/live${query({ after: cursor, wait: cursor || !buffered ? WAIT_S : 0, follow: buffered ? '' : 'true' })}`;
  const late = setTimeout(() => {
    if (cursor) return;
    buffered = true;
    abort.abort();
  }, FIRST_LINE_MS);
  try {
    const response = await send('GET', path, undefined, abort.signal);
    connection.set('live');
    for await (const line of linesOf(response)) {
      clearTimeout(late);
      take(JSON.parse(line) as News);
    }
    if (buffered) await pause(requestsLeft() > 20 ? 800 : 3000);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    clearTimeout(late);
    document.removeEventListener('visibilitychange', hide);
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    const parts = (rest + next.value).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part) yield part;
  }
}

function take(fresh: News): void {
  if (!signedIn()) return;
  clock.setTo(Date.parse(fresh.at));
  tail.set([...fresh.logs, ...tail.value].slice(0, MAX_TAIL));
  news.set(fresh);
}

const shown = (): Promise<void> =>
  new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
  });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
