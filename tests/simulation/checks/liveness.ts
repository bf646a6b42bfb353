import { goOn } from '../world/moves.ts';
import { drained } from '../world/points.ts';
import type { World } from '../world/world.ts';
import type { Entry } from './ledger.ts';

const TICK_MS = 1000;
const MAX_TICKS = 300;
const LAST_ORDERS = 5;
const MAX_STEPS_A_TICK = 1000;
const MAX_STEPS_A_JOB = 20;

/**
 * Ends the faults, puts the clocks right, and lets crons tick once a second until no due job is left that has not
 * ended. How many ticks that took. Then people schedule some last jobs, which have to end as well: the system works.
 */
export async function recover(world: World): Promise<number> {
  world.faults.stopped = true;
  world.faults.fullUntil = 0;
  for (const host of world.hosts) {
    host.stalledUntil = 0;
    host.skew = 0;
  }
  const ticks = await untilQuiet(world);
  for (let tries = 0; world.people.lastOrders < LAST_ORDERS && world.breaches.length === 0; tries++) {
    if (tries >= MAX_TICKS) world.breach('liveness', 'nobody can schedule a job any more');
    world.people.lastOrder();
    await oneTick(world);
  }
  await untilQuiet(world);
  return ticks;
}

/** Ticks until every due job has ended; how many. Too many, and a breach is noted. */
async function untilQuiet(world: World): Promise<number> {
  for (let ticks = 0; ; ticks++) {
    const open = world.observer.ledger.living.filter((entry) => mustEnd(world, entry));
    if (open.length === 0 || world.breaches.length > 0) return ticks;
    if (ticks >= MAX_TICKS) {
      const [first] = open;
      world.breach(
        'liveness',
        `${open.length} due jobs have not ended in ${ticks} ticks: ${JSON.stringify(first?.row)}`,
      );
    }
    await oneTick(world);
  }
}

/** Everything that can happen within a second, in an order that the seed chooses. */
async function oneTick(world: World): Promise<void> {
  const end = world.time + TICK_MS;
  const limit = MAX_STEPS_A_TICK + MAX_STEPS_A_JOB * world.observer.ledger.bySeq.size;
  for (
    let steps = 0;
    world.points.nextAfter(world.time) <= end || world.points.runnable(world.time).length > 0;
    steps++
  ) {
    if (world.breaches.length > 0) break;
    if (steps === limit) world.breach('circles', `${steps} steps, and the second is not over`);
    world.step += 1;
    await goOn(world);
  }
  world.time = Math.max(world.time, end);
  await drained();
}

const mustEnd = ({ time }: World, { row }: Entry): boolean =>
  row.status === 'running' || row.status === 'failed' || (row.status === 'pending' && row.run_at <= time);
