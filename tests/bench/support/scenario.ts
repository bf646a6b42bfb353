import { median } from './stats.ts';

/** One figure: what was measured, in which unit, and the value of every run. */
export interface Row {
  what: string;
  unit: string;
  /** The median of `runs`. */
  value: number;
  runs: number[];
  /** What it should reach, or stay under. */
  atLeast?: number;
  atMost?: number;
  note?: string;
}

/** What a scenario is given: the built project, how often to repeat, and a place to say what it does. */
export interface Bench {
  root: string;
  runs: number;
  /** Tables of 10 million rows, a backlog of 1 million. */
  deep: boolean;
  /** Also measure other queues. */
  peers: boolean;
  progress(text: string): void;
  /** Names something that was not measured, and why. */
  leaveOut(what: string, why: string): void;
}

export interface Scenario {
  name: string;
  title: string;
  run(bench: Bench): Promise<Row[]>;
}

/** A row from the values of its runs. */
export const row = (what: string, unit: string, runs: number[], more: Partial<Row> = {}): Row => ({
  what,
  unit,
  value: median(runs),
  runs,
  ...more,
});

/** Whether the goal of a row is reached; undefined where it has none. */
export function holds({ value, atLeast, atMost }: Row): boolean | undefined {
  if (atLeast === undefined && atMost === undefined) return undefined;
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
}

/** Runs every contender in turn, A B A B, so that a busy moment of the machine falls on all of them. */
export async function interleave<Result>(
  runs: number,
  contenders: Record<string, () => Promise<Result>>,
): Promise<Record<string, Result[]>> {
  const results: Record<string, Result[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let i = 0; i < runs; i++) {
    for (const [name, run] of Object.entries(contenders)) results[name]?.push(await run());
  }
  return results;
}
