import { writeFileSync } from 'node:fs';
import { cleanUp } from '../support/server.ts';
import { type Options, readOptions, usage } from './options.ts';
import { type Figures, tableOf } from './site/figures.ts';
import { unmountAll } from './site/small-disk.ts';

/** The command line; its exit code: 0 where all is well, 1 where something is off, 2 where it was asked nonsense. */
export async function main(argv: string[]): Promise<number> {
  let options: Options | 'help';
  try {
    options = readOptions(argv);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (options === 'help') {
    console.log(usage);
    return 0;
  }
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const])
    process.once(signal, () => void tidy().finally(() => process.exit(code)));
  try {
    return await run(options);
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    await tidy();
  }
}

/** No process and no folder is left. What a scenario starts meanwhile is ended when this process exits. */
async function tidy(): Promise<void> {
  unmountAll();
  await cleanUp();
}

async function run({ seed, minutes, scenarios, json }: Options): Promise<number> {
  console.log(`seed ${seed}: it repeats who is hit and when, and what clients ask for; not who is faster`);
  const all: Figures[] = [];
  for (const { name, about, run: torture } of scenarios) {
    console.error(`… ${name}: ${about}`);
    const progress = (text: string) => console.error(`… ${name}: ${text}`);
    all.push(await torture({ seed, ...(minutes !== undefined && { minutes }), progress }));
    await tidy();
  }
  console.log(`\n${tableOf(all)}`);
  const problems = all.flatMap(({ scenario, problems: found }) => found.map((text) => `${scenario}: ${text}`));
  for (const problem of problems) console.log(`OFF: ${problem}`);
  console.log(`\n${problems.length === 0 ? 'All is well' : `${problems.length} things are off`}; seed ${seed}.`);
  if (json) writeFileSync(json, `${JSON.stringify({ seed, minutes, scenarios: all }, null, 2)}\n`);
  return problems.length === 0 ? 0 : 1;
}
