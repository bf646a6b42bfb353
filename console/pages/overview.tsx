import { useNow } from '../clock.ts';
import { duration, number } from '../format.ts';
import { news, tail } from '../live.ts';
import { role } from '../me.ts';
import { Card, Empty, PageHead } from '../parts/bits.tsx';
import { LogList } from '../parts/log-list.tsx';
import { names, order, StatusIcon } from '../parts/status.tsx';
import { jobsAt } from '../router.ts';
import { useStore } from '../store.ts';
import type { News } from '../types.ts';
import { History } from './history.tsx';

/** How the system is: counts as they change, its history, and what happens right now. */
export function Overview() {
  const fresh = useStore(news);
  const mine = useStore(role);
  const recent = useStore(tail);
  return (
    <>
      <PageHead title="Overview">
        <a class="button primary" href="#/schedule">
          Schedule a job
        </a>
      </PageHead>
      <ul class="tiles">
        {order.map((status) => (
          <li key={status}>
            <a class={`tile status-${status}`} href={jobsAt({ status })} data-total={status}>
              <span class="tile-name">
                <StatusIcon status={status} />
                {names[status]}
              </span>
              <b>{fresh ? number(fresh.totals[status]) : '–'}</b>
            </a>
          </li>
        ))}
      </ul>
      {fresh && <Waiting fresh={fresh} />}
      {mine === 'admin' && <History fresh={fresh} />}
      {mine === 'user' && (
        <p class="notice">You see your own jobs. The history of the whole system, in plots, is for admins.</p>
      )}
      <div class="columns">
        <Card title="By task type">{fresh && <Matrix fresh={fresh} />}</Card>
        <Card title="Happening now" aside={<a href="#/logs">All logs</a>}>
          {recent.length > 0 ? (
            <LogList entries={recent.slice(0, 10)} compact />
          ) : (
            <Empty title="Nothing has happened yet.">Every step of every job appears here as it is taken.</Empty>
          )}
        </Card>
      </div>
    </>
  );
}

/** What waits longest, where anything does. A due job that waits means that no worker is free, or none runs. */
function Waiting({ fresh }: { fresh: News }) {
  const now = useNow();
  if (fresh.next_due_at === null) return null;
  const late = now - Date.parse(fresh.next_due_at);
  if (late < 1000)
    return (
      <p class="notice">
        The next job is due <b>in {duration(Math.max(1000, Math.round(-late / 1000) * 1000)).replace('.0', '')}</b>.
      </p>
    );
  const bad = late > 10_000 && fresh.totals.running === 0;
  return (
    <p class={bad ? 'notice bad' : 'notice'}>
      The oldest due job has waited <b>{duration(Math.floor(late / 1000) * 1000).replace('.0', '')}</b>
      {bad ? ', and nothing runs: does process-batch?' : '.'}
    </p>
  );
}

function Matrix({ fresh }: { fresh: News }) {
  const types = [...new Set(order.flatMap((status) => Object.keys(fresh.counts[status])))].sort();
  if (types.length === 0)
    return (
      <Empty title="There are no jobs yet.">
        <a href="#/schedule">Schedule the first one</a>: a <code>sleep</code> of a second is a good start.
      </Empty>
    );
  return (
    <div class="scroll">
      <table class="matrix">
        <thead>
          <tr>
            <th scope="col">Task</th>
            {order.map((status) => (
              <th key={status} scope="col" class="n" title={names[status]}>
                <StatusIcon status={status} />
                <span class="hidden">{names[status]}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {types.map((type) => (
            <tr key={type}>
              <th scope="row">
                <a href={jobsAt({ task_type: type })}>{type}</a>
              </th>
              {order.map((status) => (
                <td key={status} class="n">
                  {fresh.counts[status][type] ? (
                    <a href={jobsAt({ status, task_type: type })}>{number(fresh.counts[status][type])}</a>
                  ) : (
                    <span class="faint">0</span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
