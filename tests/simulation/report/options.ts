import { parseArgs } from 'node:util';
import { allFaults, type FaultKind, faultKinds } from '../world/fault-kinds.ts';
import { STEPS, type Wish } from '../world/plan.ts';

/** What the command line asks for. */
export interface Options {
  from: number;
  to: number;
  wish: Omit<Wish, 'seed'>;
  trace: boolean;
  json: string | undefined;
}

export const usage = `npm run simulate -- [--seed N | --seeds A-B] [--steps M] [--workers W] [--coordinators C]
                    [--only FAULT,FAULT…] [--trace] [--json FILE]

  --seed N         one run; the same seed and options always give the same run
  --seeds A-B      these runs, one after another; 1-100 where nothing is said
  --steps M        steps before the faults stop (${STEPS}); a shorter run is a prefix of a longer one
  --workers W      hosts that run process-batch, instead of what the seed says; --coordinators likewise
  --only FAULT,…   exactly these faults ("none" for none), instead of those the seed chose
  --trace          print everything that happens
  --json FILE      write the figures there, too

Faults:
${Object.entries(faultKinds)
  .map(([name, meaning]) => `  ${name.padEnd(19)}${meaning}`)
  .join('\n')}
`;

/** Reads the command line. Throws an Error whose message is for people. */
export function readOptions(argv: string[]): Options | 'help' {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      ...{ seed: text, seeds: text, steps: text, workers: text, coordinators: text, only: text, json: text },
      ...{ trace: flag, help: flag },
    },
  });
  if (values.help) return 'help';
  const [from, to] = rangeOf(values.seed ?? values.seeds ?? '1-100');
  const wish = {
    ...(values.steps !== undefined && { steps: count('steps', values.steps) }),
    ...(values.workers !== undefined && { workers: count('workers', values.workers) }),
    ...(values.coordinators !== undefined && { coordinators: count('coordinators', values.coordinators) }),
    ...(values.only !== undefined && { only: faultsOf(values.only) }),
  };
  return { from, to, wish, trace: values.trace, json: values.json };
}

function rangeOf(text: string): [number, number] {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || from > to) throw new Error(`"${text}" is no seed and no range of seeds, such as 17 or 1-100.`);
  return [from, to];
}

function count(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) < 1) throw new Error(`--${name} is ${text}; it may be a number from 1.`);
  return Number(text);
}

function faultsOf(text: string): FaultKind[] {
  if (text === 'none') return [];
  const names = text.split(',');
  const unknown = names.find((name) => !(allFaults as string[]).includes(name));
  if (unknown !== undefined) throw new Error(`"${unknown}" is none of the faults: ${allFaults.join(', ')}.`);
  return names as FaultKind[];
}

/** The command that repeats a run. */
export const commandOf = ({ seed, ...wish }: Wish): string => commandFor(`--seed ${seed}`, wish);

/** The command that repeats runs under these seeds. */
export function commandFor(seeds: string, { steps, workers, coordinators, only }: Omit<Wish, 'seed'>): string {
  const parts = [
    seeds,
    steps !== undefined && `--steps ${steps}`,
    workers !== undefined && `--workers ${workers}`,
    coordinators !== undefined && `--coordinators ${coordinators}`,
    only !== undefined && `--only ${only.length > 0 ? only.join(',') : 'none'}`,
  ];
  return `npm run simulate -- ${parts.filter(Boolean).join(' ')}`;
}
