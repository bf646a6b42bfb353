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
  /** Begins no more sequences after so many milliseconds; the counts then say that the run was cut short. */
  within?: number | undefined;
  /** Real milliseconds to wait for an answer; a minute where nothing is said. */
  patience?: number | undefined;
  /** Milliseconds to look for a shorter sequence that fails. */
  shrinking?: number | undefined;
  /** Functions that take the places of the built ones of their names. */
  planted?: readonly Routed[] | undefined;
  /** Is told of each sequence that was played, and of a failure before a shorter one is looked for. */
  note?: (progress: string) => void;
}

const SEQUENCES = 25;

/** Plays sequences until enough requests were sent; the counts. Throws an Error with the seed, the shrunk sequence and what is wrong. */
export async function campaign(given: Campaign): Promise<Tally> {
  const { runs, seed, operation, http = false, within = Number.POSITIVE_INFINITY, planted, patience, note } = given;
  const { shrinking = 20_000 } = given;
  const tally = newTally();
  const sequence = fc.array(stepOf(operation), { minLength: 1, maxLength: 100, size: 'max' });
  let end = performance.now() + within;
  let failed = false;
  for (let now = seed; tally.requests < runs && !tally.cut; now++) {
    const property = fc.asyncProperty(sequence, async (steps) => {
      // After its time a sequence is not played, which counts nothing and ends the search for a shorter failure.
      tally.cut ||= performance.now() > end;
      if (tally.cut) return;
      const world = await World.open({ http, ...(planted && { planted }) });
      try {
        await play(world, steps, tally, patience);
        note?.(`seed ${now}: ${tally.requests} requests in ${tally.sequences} sequences`);
      } catch (error) {
        if (!failed) note?.(`seed ${now} fails; a shorter sequence is looked for, ${shrinking / 1000} s at most`);
        if (!failed) end = performance.now() + shrinking;
        failed = true;
        throw error;
      } finally {
        await world.close();
      }
    });
    const result = await fc.check(property, { seed: now, numRuns: SEQUENCES });
    if (!result.failed) continue;
    const flags = `${operation ? ` --operation ${operation}` : ''}${http ? ' --http' : ''}`;
    const cause = (result.errorInstance as Error | null)?.message ?? 'the sequence was not played to its end';
    throw new Error(`${cause}\nrepeat it: npm run fuzz -- --seed ${now} --runs 1${flags}`);
  }
  return tally;
}
