import type { Host } from './host.ts';
import type { Point } from './points.ts';
import type { World } from './world.ts';

// How likely each move is. The seed may switch a kind of fault off: its move then lets a strand go on instead.
const weights = { 'go on': 90, request: 5, look: 1, cancel: 3, redrive: 2, wait: 8, trouble: 3 };
const troubles = { death: 4, 'clock-jump': 3, stall: 4, stop: 2, full: 2, days: 3 };
const MAX_LEAPS = 2;
const DAY_MS = 86_400_000;

/** One step of a run: a strand goes on, people ask for something, time passes, or something breaks. */
export async function move(world: World): Promise<void> {
  const { people, faults, chance } = world;
  world.time += chance.moves.between(0, 3);
  const name = chance.moves.weighted(weights);
  if (name === 'wait') return wait(world);
  if (name === 'trouble') trouble(world);
  else if (name === 'request') people.request();
  else if (name === 'look') people.look();
  else if (name === 'cancel' && faults.inject('cancel')) people.cancel();
  else if (name === 'redrive' && faults.inject('redrive')) people.redrive();
  else return goOn(world);
}

/** Lets one of the strands that may go on do so; where none may, time passes until one can. */
export async function goOn(world: World): Promise<void> {
  let runnable = world.points.runnable(world.time);
  if (runnable.length === 0) {
    world.time = Math.max(world.time, Math.min(world.points.nextAfter(world.time), world.time + 1000));
    runnable = world.points.runnable(world.time);
  }
  if (runnable.length === 0) return;
  const point = world.chance.moves.pick(fairly(world, runnable));
  world.note(`${world.step} ${world.time % 1e7} ${point.owner.name} ${point.what}`);
  await world.points.resume(point);
}

/** First whose strand, its requests apart from its ticks, then which: else the many requests would leave workers no time. */
function fairly({ chance }: World, runnable: readonly Point[]): readonly Point[] {
  const groups = new Map<string, Point[]>();
  for (const point of runnable) {
    const name = `${point.owner.name} ${point.what.startsWith('request')}`;
    groups.set(name, [...(groups.get(name) ?? []), point]);
  }
  return chance.moves.pick([...groups.values()]);
}

function wait(world: World): void {
  const ms = world.chance.moves.pick([2, 10, 50, 200, 200, 1000, Number(world.plan.settings.LEASE_MS)]);
  world.time += ms;
  world.note(`${world.step} ${ms} ms pass`);
}

function trouble(world: World): void {
  const { chance, faults } = world;
  const kind = chance.moves.weighted(troubles);
  const host = chance.moves.pick(world.hosts);
  if (!host || !mayHappen(world, kind, host) || !faults.inject(kind)) return;
  world.note(`${world.step} ${host.name} ${kind}`);
  if (kind === 'death') void world.kill(host);
  if (kind === 'stall') host.stalledUntil = world.time + chance.moves.pick([100, 1000, 5000]);
  if (kind === 'stop') void stop(world, host);
  if (kind === 'full') faults.fullUntil = world.time + chance.moves.pick([50, 500, 2000]);
  if (kind === 'days') world.time += chance.moves.between(25, 60) * (DAY_MS / 24);
  if (kind === 'clock-jump') host.skew += chance.moves.pick([-20_000, -2000, -100, 100, 2000, 20_000]);
}

const mayHappen = ({ faults, hosts }: World, kind: string, host: Host): boolean =>
  (kind !== 'days' || faults.counts.days < MAX_LEAPS) &&
  (kind !== 'stop' || !host.stopper.signal.aborted) &&
  hosts.length > 0;

/** As a supervisor does it: a signal, time to end, and then the end. */
async function stop(world: World, host: Host): Promise<void> {
  host.stopper.abort();
  await world.points.park(world.ground, 'end of grace', world.time + 7000);
  void world.kill(host);
}
