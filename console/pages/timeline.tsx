import { useNow } from '../clock.ts';
import { duration, time } from '../format.ts';
import { textOf } from '../parts/log-list.tsx';
import { names, StatusIcon } from '../parts/status.tsx';
import type { Job, LogEntry, Status } from '../types.ts';

interface Span {
  status: Status;
  from: number;
  to: number;
}

/** The times a job spent in each status, oldest first, as its log (newest first) tells. */
export function spansOf(logs: LogEntry[], now: number): Span[] {
  const moves = logs.filter(({ to_status }) => to_status !== null).reverse();
  return moves.map(({ to_status, at }, i) => {
    const next = moves[i + 1];
    const last = to_status === 'done' || to_status === 'cancelled' || to_status === 'dlq';
    const from = Date.parse(at);
    return { status: to_status as Status, from, to: next ? Date.parse(next.at) : last ? from : Math.max(from, now) };
  });
}

/** A job's life: a bar of how long it was what, and every entry of its log. */
export function Timeline({ job, logs, more }: { job: Job; logs: LogEntry[]; more: boolean }) {
  const now = useNow();
  const spans = spansOf(logs, now);
  const whole = spans.reduce((sum, { from, to }) => sum + width(to - from), 0);
  return (
    <>
      <div class="bar" aria-hidden="true">
        {spans.map(({ status, from, to }) => (
          <i
            key={`${from}${status}`}
            class={`status-${status}`}
            style={{ width: `${(100 * width(to - from)) / whole}%` }}
            title={`${names[status]} for ${duration(to - from)}`}
          />
        ))}
      </div>
      <ol class="timeline">
        {[...logs].reverse().map((log, i, all) => (
          <Step key={`${log.at}${i}`} log={log} before={all[i - 1]} now={now} />
        ))}
      </ol>
      {more && <p class="faint">Earlier entries are left out; GET /v1/logs?job_id={job.id} has them.</p>}
    </>
  );
}

/** Short stays would vanish beside long ones: each gets a width that grows slower than its time. */
const width = (ms: number): number => Math.log10(10 + Math.max(0, ms));

function Step({ log, before, now }: { log: LogEntry; before: LogEntry | undefined; now: number }) {
  const gap = before ? Date.parse(log.at) - Date.parse(before.at) : 0;
  const { to_status: to, worker } = log;
  return (
    <li class={to ? `status-${to}` : 'remark'} data-event={log.event}>
      <span class="mark">{to ? <StatusIcon status={to} /> : <i class="dot" aria-hidden="true" />}</span>
      <span class="step">
        <b>{log.event}</b>
        {to && log.from_status && (
          <small>
            {names[log.from_status]} → {names[to]}
          </small>
        )}
        {worker && (
          <small>
            by {worker}, attempt {log.epoch}
          </small>
        )}
        {log.level !== 'info' && <span class={`level level-${log.level}`}>{log.level}</span>}
        {textOf(log) && <span class="words">{textOf(log)}</span>}
      </span>
      <span class="at">
        <time dateTime={log.at} title={log.at}>
          {time(log.at, now, true)}
        </time>
        {before && <small>+{duration(gap)}</small>}
      </span>
    </li>
  );
}
