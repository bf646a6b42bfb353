import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';

const usage = `npm run fuzz -- [--runs N] [--seed S] [--operation NAME] [--http]

  --runs N          requests to send, at least (10,000)
  --seed S          the first seed (1); the same seed always makes the same requests
  --operation NAME  requests of this operationId of the OpenAPI document only, and those that schedule jobs for it
  --http            over sockets to the real HTTP server, instead of in this process
  --minutes M       begins nothing more after so many minutes, and fails when --runs was not reached by then
`;

/** Runs the fuzzer as the command line says, and prints its counts; the exit code. */
export async function main(argv: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        ...{ runs: text, seed: text, operation: text, minutes: text },
        ...{ http: { type: 'boolean' }, help: { type: 'boolean' } },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      return 0;
    }
    const [runs, seed] = [number('runs', values.runs ?? '10000'), number('seed', values.seed ?? '1')];
    const within = values.minutes === undefined ? undefined : 60_000 * number('minutes', values.minutes);
    const start = performance.now();
    const { operation, http } = values;
    const tally = await campaign({ runs, seed, operation, http, within, note: nowAndThen() });
    const seconds = Math.round((performance.now() - start) / 1000);
    const answers = Object.entries(tally.answers).map(([status, n]) => `${n} × ${status}`);
    console.log(
      `${tally.requests} requests in ${tally.sequences} sequences, ${tally.ticks} ticks between, ${seconds} s`,
    );
    console.log(`${tally.invalid} of them invalid by the document`);
    console.log(`answers: ${answers.join(', ')}`);
    console.log('every answer is one the document has');
    if (!tally.cut) return 0;
    console.log(`interrupted: --minutes ${values.minutes} were over before ${runs} requests were sent`);
    return 1;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** Prints what it is told, at most every three seconds, and whatever says that a seed fails. */
function nowAndThen(): (progress: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (progress) => {
    if (performance.now() - last < 3000 && !progress.includes('fails')) return;
    last = performance.now();
    process.stderr.write(`${progress}\n`);
  };
}

function number(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is ${text}; it may be a whole number.`);
  return Number(text);
}
