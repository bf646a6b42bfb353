import { useEffect, useState } from 'preact/hooks';
import { get, query, wordsOf } from '../api.ts';
import { tail } from '../live.ts';
import { Empty, PageHead } from '../parts/bits.tsx';
import { LogList } from '../parts/log-list.tsx';
import { useStore } from '../store.ts';
import type { LogEntry, Page } from '../types.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;
const events = [
  ...['scheduled', 'claimed', 'done', 'failed', 'released', 'reclaimed', 'retried', 'buried', 'redriven', 'cancelled'],
  ...['pruned', 'message', 'stale', 'cancel_requested'],
];

/** The log as it grows, or, with a filter or further back, as it is kept. */
export function LogsPage() {
  const [filters, setFilters] = useState({ level: '', event: '', job_id: '' });
  const [paused, setPaused] = useState<LogEntry[] | null>(null);
  const live = useStore(tail);
  const change = (name: keyof typeof filters) => (event: { currentTarget: { value: string } }) =>
    setFilters({ ...filters, [name]: event.currentTarget.value.trim() });
  const fits = ({ level, event, job_id }: LogEntry) =>
    (!filters.level || level === filters.level) &&
    (!filters.event || event === filters.event) &&
    (!filters.job_id || job_id === filters.job_id);
  return (
    <>
      <PageHead title="Logs">
        <button type="button" aria-pressed={paused !== null} onClick={() => setPaused(paused ? null : live)}>
          {paused ? 'Go on' : 'Pause'}
        </button>
      </PageHead>
      <search>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label>
            <span>Level</span>
            <select name="level" value={filters.level} onChange={change('level')}>
              <option value="">Any</option>
              {levels.map((level) => (
                <option key={level}>{level}</option>
              ))}
            </select>
          </label>
          <label>
            <span>Event</span>
            <select name="event" value={filters.event} onChange={change('event')}>
              <option value="">Any</option>
              {events.map((event) => (
                <option key={event}>{event}</option>
              ))}
            </select>
          </label>
          <label class="grow">
            <span>Job</span>
            <input name="job_id" type="search" maxLength={64} placeholder="a whole id" onChange={change('job_id')} />
          </label>
        </form>
      </search>
      <Kept key={JSON.stringify(filters)} filters={filters} live={(paused ?? live).filter(fits)} />
    </>
  );
}

/** What is kept, below what has come since; both under the same filters. */
function Kept({ filters, live }: { filters: Record<string, string>; live: LogEntry[] }) {
  const [kept, setKept] = useState<LogEntry[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [error, setError] = useState('');
  const [loaded, setLoaded] = useState(false);
  const load = async (from?: string) => {
    try {
      const page = await get<Page<LogEntry>>(`/v1/logs${query({ ...filters, cursor: from, limit: 100 })}`);
      setKept((known) => (from ? [...known, ...page.items] : page.items));
      setCursor(page.next_cursor);
      setError('');
    } catch (failure) {
      setError(wordsOf(failure));
    }
    setLoaded(true);
  };
  useEffect(() => {
    void load();
  }, []);
  const known = new Set(kept.map((entry) => JSON.stringify(entry)));
  const entries = [...live.filter((entry) => !known.has(JSON.stringify(entry))), ...kept];
  return (
    <>
      {error && <p class="error">{error}</p>}
      {loaded && entries.length === 0 && !error ? (
        <Empty title="Nothing in the log fits.">What fits appears here as it happens.</Empty>
      ) : (
        <div class="table-card" aria-busy={!loaded}>
          <LogList entries={entries} />
        </div>
      )}
      <div class="pager">
        <button type="button" disabled={!cursor} onClick={() => cursor && load(cursor)}>
          Older
        </button>
        <span class="faint">newest first, as it happens</span>
      </div>
    </>
  );
}
