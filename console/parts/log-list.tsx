import { clock } from '../clock.ts';
import { shortId, time } from '../format.ts';
import type { LogEntry } from '../types.ts';
import { names, StatusIcon } from './status.tsx';

/** What an entry says beyond its event. */
export function textOf({ message, data, from_status, to_status, event }: LogEntry): string {
  if (message) return message;
  if (to_status && from_status === null) return '';
  if (event === 'pruned' || data === null) return '';
  return typeof data === 'string' ? data : JSON.stringify(data);
}

/** Log entries, one a line, newest first. */
export const LogList = ({ entries, compact }: { entries: LogEntry[]; compact?: boolean }) => (
  <ol class={compact ? 'logs compact' : 'logs'}>
    {entries.map((entry) => (
      <li key={keyOf(entry)} data-level={entry.level}>
        <time dateTime={entry.at} title={entry.at}>
          {time(entry.at, clock.now(), !compact)}
        </time>
        <span class={`event status-${entry.to_status ?? 'none'}`}>
          {entry.to_status ? <StatusIcon status={entry.to_status} /> : <i class="dot" aria-hidden="true" />}
          <span title={entry.to_status ? `to ${names[entry.to_status]}` : undefined}>{entry.event}</span>
        </span>
        <span class="what">
          {entry.task_type} {entry.job_id && <a href={`#/jobs/${entry.job_id}`}>{shortId(entry.job_id)}</a>}
        </span>
        <span class="words">
          {entry.level !== 'info' && <span class={`level level-${entry.level}`}>{entry.level}</span>}
          {textOf(entry)}
        </span>
      </li>
    ))}
  </ol>
);

const keys = new WeakMap<LogEntry, number>();
let nextKey = 0;

/** Entries have no number of their own here: each object gets one. */
function keyOf(entry: LogEntry): number {
  let key = keys.get(entry);
  if (key === undefined) {
    key = nextKey++;
    keys.set(entry, key);
  }
  return key;
}
