import { writeFileSync } from 'node:fs';
import { laws } from './checks/laws.ts';
import { Figures } from './report/figures.ts';
import { commandFor, commandOf, type Options, readOptions, usage } from './report/options.ts';
import { type Failure, shrink } from './report/shrink.ts';
import { simulate } from './simulate.ts';

export { Figures } from './report/figures.ts';
export { commandOf, readOptions } from './report/options.ts';
export { shrink } from './report/shrink.ts';
export { simulate } from './simulate.ts';

const LAST_NOTES = 40;
const PROGRESS = 500;

/** The command line; its exit code: 0 where all is well, 1 where a law was broken, 2 where it was asked nonsense. */
export async function main(argv: string[]): Promise<number> {
  let options: Options | 'help';
  try {
    options = readOptions(argv);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (options !== 'help') return run(options);
  console.log(usage);
  return 0;
}

async function run({ from, to, wish, trace, json }: Options): Promise<number> {
  const figures = new Figures();
  const begin = performance.now();
  for (let seed = from; seed <= to; seed++) {
    const asked = { ...wish, seed };
    const outcome = await simulate(asked, trace ? console.log : undefined);
    figures.add(outcome);
    if (outcome.breaches.length > 0) {
      await tell({ wish: asked, outcome });
      return 1;
    }
    if (figures.seeds % PROGRESS === 0) console.error(`${figures.seeds} seeds, all well`);
  }
  for (const line of figures.lines) console.log(line);
  console.log(`${((performance.now() - begin) / 1000).toFixed(1)} s; ${commandFor(`--seeds ${from}-${to}`, wish)}`);
  if (json) writeFileSync(json, `${JSON.stringify(figures, null, 2)}\n`);
  return 0;
}

/** Says what went wrong, how to see it again, and the smallest run that shows the same. */
async function tell(failure: Failure): Promise<void> {
  show(failure);
  console.log('\nLooking for a smaller run that breaks the same law …\n');
  const smaller = await shrink(failure);
  for (const note of smaller.outcome.notes.slice(-LAST_NOTES)) console.log(note);
  console.log('');
  show(smaller);
}

function show({ wish, outcome: { plan, breaches, steps } }: Failure): void {
  const [breach] = breaches;
  if (!breach) return;
  console.log(`Seed ${plan.seed} breaks a law after ${steps} steps: ${laws[breach.law]} (${breach.law})`);
  console.log(`  ${breach.text}`);
  console.log(`  ${plan.workers} workers, ${plan.coordinators} coordinators; faults: ${[...plan.faults].join(', ')}`);
  console.log(`  repeat it: ${commandOf(wish)}`);
}
