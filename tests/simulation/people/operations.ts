import type { Status } from '../../../core/lifecycle/states.ts';
import type { World } from '../world/world.ts';
import type { Answer, Ask, Person } from './post.ts';

type Operation = Omit<Ask, 'judge'>;

/** Cancels a job, most often one that runs. */
export function cancel(world: World, who: Person): Operation {
  return { who, endpoint: 'cancel-job', path: `/v1/jobs/${target(world, 'running')}/cancel` };
}

/** Redrives a job, most often one in the DLQ, or many at once. */
export function redrive(world: World, who: Person): Operation {
  const { yes, pick, between } = world.chance.people;
  const reason = 'It is mended.';
  if (yes(0.6)) {
    const path = `/v1/jobs/${target(world, 'dlq')}/redrive`;
    return { who, endpoint: 'redrive-job', path, body: { reason } };
  }
  const filter = pick([{}, { task_type: 'press' }, { error_contains: 'handler' }, { dry_run: true }]);
  return { who, endpoint: 'redrive-dlq', path: '/v1/dlq/redrive', body: { reason, limit: between(1, 5), ...filter } };
}

/** A job's id, most often of one in the status where it matters. */
function target({ observer, chance }: World, status: Status): string {
  const all = [...observer.ledger.byId.values()];
  const best = all.filter(({ row, gone }) => row.status === status && gone === undefined);
  const from = best.length > 0 && chance.people.yes(0.7) ? best : all;
  return from.length > 0 ? chance.people.pick(from).row.id : 'no-such-job';
}

/** An operation is refused only to those who may not do it, and where the job's status forbids it. */
export function judgeOperation(world: World, { status, body }: Answer, { who, path, endpoint }: Ask): void {
  const breach = (law: 7 | 11 | 'answer' | 'cancel', text: string) =>
    world.breach(law, `${path} as ${who.id}: ${text}`);
  const entry = world.observer.ledger.byId.get(path.split('/')[3] ?? '');
  const own = entry !== undefined && (who.admin || entry.row.owner_id === who.id);
  if (endpoint === 'redrive-dlq') {
    if (status !== (who.admin ? 200 : 403)) breach(11, `answered ${status} ${body.code}`);
  } else if (status === 404) {
    if (own && entry.gone === undefined) breach('answer', 'a job of its own was not found');
  } else if (!own) {
    breach(11, `answered ${status} for a job of somebody else`);
  } else if (status === 409) {
    const final = entry.row.status === 'done' || entry.row.status === 'cancelled';
    if (endpoint === 'cancel-job' && !final) breach('cancel', `refused, and the job is ${entry.row.status}`);
  } else if (status !== 200) {
    breach('answer', `answered ${status} ${body.code}`);
  } else if (endpoint === 'cancel-job') {
    if (body.status !== 'cancelled' && body.cancel_requested_at === null)
      breach('cancel', `accepted, and the job is ${body.status}`);
  } else if (body.status !== 'pending') breach(7, `redriven, and the job is ${body.status}`);
}
