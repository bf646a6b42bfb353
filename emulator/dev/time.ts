import { fromTimestamp } from '../../core/context.ts';
import type { Powers } from './powers.ts';

export type TimeAction = 'freeze' | 'resume' | 'step' | 'jump' | 'next';

const STEP_MS = 1000;

/** Does to the clock what was asked, and then what has fallen due by it. */
export async function changeTime(powers: Powers, action: TimeAction, ms = STEP_MS): Promise<void> {
  const { clock } = powers;
  if (action === 'freeze' || action === 'step') clock.freeze();
  if (action === 'resume') clock.resume();
  if (action === 'step' || action === 'jump') await clock.move(ms);
  if (action === 'next') await toNext(powers);
  await powers.changed();
}

/** Moves to the next thing on the agenda, where there is one. */
async function toNext(powers: Powers): Promise<void> {
  const [next] = (await powers.agenda(1)).items;
  if (next) await powers.clock.move(fromTimestamp(next.at) - powers.clock.now());
}
