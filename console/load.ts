import { useEffect, useRef, useState } from 'preact/hooks';
import { get, requestsLeft, wordsOf } from './api.ts';
import { news } from './live.ts';
import type { News } from './types.ts';

export interface Loaded<Value> {
  value: Value | undefined;
  error: string;
  reload(): void;
  set(change: (value: Value) => Value): void;
}

/** What `path` answers, kept while it is loaded anew; nothing where the path is null. */
export function useLoad<Value>(path: string | null): Loaded<Value> {
  const [state, setState] = useState<{ value?: Value; error: string }>({ error: '' });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    let current = true;
    get<Value>(path).then(
      (value) => current && setState({ value, error: '' }),
      (error) => current && setState((old) => ({ ...old, error: wordsOf(error) })),
    );
    return () => {
      current = false;
    };
  }, [path, turn]);
  return {
    value: state.value,
    error: state.error,
    reload: () => setTurn((n) => n + 1),
    set: (change) => setState((old) => (old.value === undefined ? old : { ...old, value: change(old.value) })),
  };
}

/** Time between two loads that news asks for: more where the rate limit leaves little, so that people's own requests go first. */
const between = (): number => (requestsLeft() > 30 ? 700 : requestsLeft() > 12 ? 2500 : 10_000);

/** Calls `reload` when news concerns what is shown: at once, and then not too often. */
export function useNews(concerns: (fresh: News) => boolean, reload: () => void): void {
  const latest = useRef({ concerns, reload });
  latest.current = { concerns, reload };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const run = () => {
      timer = undefined;
      last = Date.now();
      latest.current.reload();
    };
    const stop = news.watch((fresh) => {
      if (!fresh || !latest.current.concerns(fresh) || timer !== undefined) return;
      timer = setTimeout(run, Math.max(0, last + between() - Date.now()));
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
}
