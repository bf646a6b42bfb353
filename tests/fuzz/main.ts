import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';

const usage = `npm run fuzz -- [--runs N] [--seed S] [--operation NAME] [--http]

  --runs N          requests to send, at least (10,000)
  --seed S          the first seed (1); the same seed always makes the same requests
  --operation NAME  requests of this operationId of the OpenAPI document only, and those that schedule jobs for it
  --http            over sockets to the real HTTP server, instead of in this process
`;

/** Runs the fuzzer as the command line says, and prints its counts; the exit code. */
export async function main(argv: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: argv,
      options: { runs: text, seed: text, operation: text, http: { type: 'boolean' }, help: { type: 'boolean' } },
    });
    if (values.help) {
      process.stdout.write(usage);
      return 0;
    }
    const [runs, seed] = [number('runs', values.runs ?? '10000'), number('seed', values.seed ?? '1')];
    const start = performance.now();
    const tally = await campaign({ runs, seed, operation: values.operation, http: values.http });
    const seconds = Math.round((performance.now() - start) / 1000);
    const answers = Object.entries(tally.answers).map(([status, n]) => `${n} × ${status}`);
    console.log(
      `${tally.requests} requests in ${tally.sequences} sequences, ${tally.ticks} ticks between, ${seconds} s`,
    );
    console.log(`${tally.invalid} of them invalid by the document`);
    console.log(`answers: ${answers.join(', ')}`);
    console.log('every answer is one the document has');
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

function number(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is ${text}; it may be a whole number.`);
  return Number(text);
}
