import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './site/site.ts';

/** What the command line asks for. */
export interface Options {
  seed: number;
  minutes: number | undefined;
  scenarios: readonly Scenario[];
  json: string | undefined;
}

export const usage = `npm run torture -- [--seed N] [--minutes M] [--scenario NAME]… [--json FILE]

  --seed N         whom the faults hit, when, and what clients ask for; a random one where nothing is said
  --minutes M      time under faults of each scenario; a short run where nothing is said
  --scenario NAME  only this one; may be given more than once
  --json FILE      write the figures there, too

Scenarios:
${scenarios.map(({ name, about }) => `  ${name.padEnd(11)}${about}`).join('\n')}
`;

/** Reads the command line. Throws an Error whose message is for people. */
export function readOptions(argv: string[]): Options | 'help' {
  const { values } = parseArgs({
    args: argv,
    options: {
      ...{ seed: { type: 'string' }, minutes: { type: 'string' }, json: { type: 'string' } },
      scenario: { type: 'string', multiple: true },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const { seed = String(1 + Math.floor(Math.random() * 999_999)), minutes, scenario, json } = values;
  if (!/^\d{1,9}$/.test(seed)) throw new Error(`--seed is ${seed}; it may be a whole number from 0.`);
  if (minutes !== undefined && !(Number(minutes) > 0))
    throw new Error(`--minutes is ${minutes}; it may be a number above 0.`);
  const unknown = scenario?.find((name) => !scenarios.some((one) => one.name === name));
  if (unknown !== undefined)
    throw new Error(`--scenario is ${unknown}; it may be ${scenarios.map(({ name }) => name).join(' or ')}.`);
  return {
    seed: Number(seed),
    minutes: minutes === undefined ? undefined : Number(minutes),
    scenarios: scenarios.filter(({ name }) => scenario?.includes(name) ?? true),
    json,
  };
}
