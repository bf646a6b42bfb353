import fc from 'fast-check';
import type { Routed } from '../../emulator/router.ts';
import { newTally, play, type Tally } from './play.ts';
import { stepOf } from './steps.ts';
import { World } from './world.ts';

export interface Campaign {
  /** Requests to send, at least. */
  runs: number;
  /** The first seed; each next one makes 25 sequences of its own. */
  seed: number;
  operation?: string | undefined;
  http?: boolean | undefined;
  /** Ends after so many milliseconds, whatever `runs` says. */
  within?: number | undefined;
  functions?: readonly Routed[];
}

const SEQUENCES = 25;

/** Plays sequences until enough requests were sent; the counts. Throws an Error with the seed, the shrunk sequence and what is wrong. */
export async function campaign({ runs, seed, operation, http = false, within, functions }: Campaign): Promise<Tally> {
  const tally = newTally();
  const sequence = fc.array(stepOf(operation), { minLength: 1, maxLength: 100, size: 'max' });
  const end = performance.now() + (within ?? Number.POSITIVE_INFINITY);
  for (let now = seed; tally.requests < runs && performance.now() < end; now++) {
    const property = fc.asyncProperty(sequence, async (steps) => {
      const world = await World.open({ http, ...(functions && { functions }) });
      try {
        await play(world, steps, tally);
      } finally {
        await world.close();
      }
    });
    const result = await fc.check(property, { seed: now, numRuns: SEQUENCES, interruptAfterTimeLimit: 120_000 });
    if (result.failed) {
      const flags = `${operation ? ` --operation ${operation}` : ''}${http ? ' --http' : ''}`;
      const cause = String((result.errorInstance as Error)?.message ?? 'it took too long');
      throw new Error(`${cause}\nrepeat it: npm run fuzz -- --seed ${now} --runs 1${flags}`);
    }
  }
  return tally;
}
