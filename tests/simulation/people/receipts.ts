import type { World } from '../world/world.ts';
import type { Order } from './orders.ts';
import type { Answer, Person } from './post.ts';

/** Judges the answer to a request that schedules: `jobs` are those it names, in the order of `orders`. */
export function judgeReceipt(
  world: World,
  who: Person,
  orders: readonly Order[],
  answer: Answer,
  jobs: readonly { id: string }[],
): void {
  const { status, body } = answer;
  if (status === 422) {
    if (body.code !== 'idempotency_key_reused' || !orders.some((order) => isTaken(world, who, orders, order, answer)))
      world.breach('answer', `refused without a reason: ${body.detail}`);
  } else if (status !== 201 && status !== 200) {
    world.breach('answer', `scheduling was answered ${status} ${body.code}`);
  } else if (jobs.length !== orders.length) {
    world.breach('answer', `${orders.length} jobs were asked for, ${jobs.length} answered`);
  } else for (const [i, { id }] of jobs.entries()) judgeJob(world, who, orders[i] as Order, answer, id);
}

/** Whether another request had the key of this order at some time since it was sent, or has it in the same batch. */
function isTaken(world: World, who: Person, orders: readonly Order[], order: Order, { since }: Answer): boolean {
  const { idempotency_key: key, payload } = order;
  if (key === undefined) return false;
  const here = orders.filter((other) => other.idempotency_key === key).map((other) => other.payload.marker);
  const there = world.observer.ledger.keyed(who.id, key, since).map(({ marker }) => marker);
  return [...here, ...there].some((marker) => marker !== payload.marker);
}

/** A job that was accepted is there, and is the one that was asked for. */
function judgeJob(world: World, who: Person, order: Order, { replayed, since }: Answer, id: string): void {
  const entry = world.observer.ledger.byId.get(id);
  const key = order.idempotency_key ?? null;
  if (!entry || (entry.gone ?? since) < since) {
    world.breach(1, `job ${id} was accepted, and is not there`);
    return;
  }
  if (entry.row.owner_id !== who.id || entry.marker !== order.payload.marker)
    world.breach(10, `job ${id} is not the one that was asked for`);
  if (entry.row.idempotency_key !== key) world.breach(10, `job ${id} has another key than ${key}`);
  if (replayed && key === null) world.breach(10, `job ${id} is called a replay, without a key`);
}
