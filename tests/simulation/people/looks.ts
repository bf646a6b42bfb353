import type { World } from '../world/world.ts';
import type { Answer, Ask, Person } from './post.ts';

type Look = Omit<Ask, 'judge'>;

const stranger: Person = { id: 'stranger', token: 'no-such-token', admin: false };

/** Something a person wants to see: a job of anybody's, a list, the logs, the report; now and then with a bad token. */
export function look({ chance, observer }: World, who: Person): Look {
  const { pick, yes } = chance.people;
  const entries = [...observer.ledger.byId.values()];
  const id = entries.length > 0 ? pick(entries).row.id : 'no-such-job';
  const filter = pick(['', '&status=dlq', '&status=running', '&task_type=press']);
  const { endpoint, path } = pick([
    { endpoint: 'get-job', path: `/v1/jobs/${id}` },
    { endpoint: 'list-jobs', path: `/v1/jobs?limit=5${filter}` },
    { endpoint: 'list-logs', path: '/v1/logs?limit=20' },
    { endpoint: 'list-logs', path: `/v1/logs?limit=50&job_id=${id}` },
    { endpoint: 'report-jobs', path: '/v1/jobs/report' },
  ]);
  return { who: yes(0.1) ? stranger : who, endpoint, path };
}

/** Nobody is shown what is not theirs, and everybody is shown what is. */
export function judgeLook(world: World, { status, body }: Answer, { who, path }: Ask): void {
  const breach = (law: 11 | 'answer', text: string) => world.breach(law, `${path} as ${who.id}: ${text}`);
  if (who === stranger) {
    if (status !== 401) breach(11, `a stranger was answered ${status}`);
  } else if (status === 404) {
    const entry = world.observer.ledger.byId.get(/[0-9a-f]{8}-[0-9a-f-]{27}/.exec(path)?.[0] ?? '');
    const own = entry && (who.admin || entry.row.owner_id === who.id);
    if (own && entry.gone === undefined) breach('answer', 'a job of its own was not found');
  } else if (status !== 200) {
    breach('answer', `answered ${status} ${body.code}`);
  } else {
    const shown = (body.items ?? body.dlqItems ?? [body]) as { owner_id: string | null }[];
    const foreign = who.admin ? undefined : shown.find(({ owner_id }) => owner_id !== who.id);
    if (foreign) breach(11, `was shown ${JSON.stringify(foreign)}`);
  }
}
