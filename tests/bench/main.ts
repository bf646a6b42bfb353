import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cold } from './scenarios/cold.ts';
import { d1 } from './scenarios/d1.ts';
import { depth } from './scenarios/depth.ts';
import { drain } from './scenarios/drain.ts';
import { http } from './scenarios/http.ts';
import { idle } from './scenarios/idle.ts';
import { pickup } from './scenarios/pickup.ts';
import { processes } from './scenarios/processes.ts';
import { describeMachine, durability } from './support/machine.ts';
import { type Bench, holds, type Row, type Scenario } from './support/scenario.ts';
import { markdownOf, tableOf } from './support/table.ts';

const scenarios: readonly Scenario[] = [drain, processes, http, pickup, idle, depth, d1, cold];
const names = scenarios.map(({ name }) => name).join(', ');

const HELP = `npm run bench -- [options]
  --only NAME   one of ${names}; may be given more than once
  --runs N      how often each figure is measured (5); the table shows medians
  --peers       also measure plainjob, graphile-worker, pg-boss and BullMQ; installs them with npm,
                starts PostgreSQL and Redis where their programs are found
  --deep        also tables of 10 million rows and a backlog of 1 million jobs (many minutes, 20 GB)
  --quick       each figure once: a look, not a measurement
  --markdown    print the tables as docs/performance.md has them
  --json        print the figures as JSON
`;

/** The command line; the exit code. A goal that is missed is said, and is no failure. */
export async function main(root: string, args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true },
      runs: { type: 'string', default: '5' },
      peers: { type: 'boolean', default: false },
      deep: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = values.only?.find((name) => !scenarios.some((one) => one.name === name));
  if (values.help || unknown !== undefined || !(Number(values.runs) >= 1)) {
    process.stderr.write(unknown === undefined ? HELP : `There is no scenario ${unknown}; there are ${names}.\n`);
    return values.help ? 0 : 1;
  }
  const chosen = scenarios.filter(({ name }) => values.only?.includes(name) ?? true);
  const { peers, deep } = values;
  const form = values.json ? 'json' : values.markdown ? 'markdown' : 'table';
  return measure(root, chosen, form, { runs: values.quick ? 1 : Number(values.runs), peers, deep });
}

async function measure(
  root: string,
  chosen: readonly Scenario[],
  form: 'json' | 'markdown' | 'table',
  options: Pick<Bench, 'runs' | 'peers' | 'deep'>,
): Promise<number> {
  const start = performance.now();
  const say = (text: string) => void (form === 'json' || process.stdout.write(`${text}\n`));
  const leftOut: { what: string; why: string }[] = [];
  const bench: Bench = {
    root,
    ...options,
    progress: (text) => void process.stderr.write(`… ${text}\n`),
    leaveOut: (what, why) => void leftOut.push({ what, why: why.split('\n')[0] ?? why }),
  };
  bench.progress('building dist/');
  execFileSync(process.execPath, [join(root, 'emulator/escapement.mjs'), 'build'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const machine = describeMachine(root);
  say(
    Object.entries(machine)
      .map(([name, value]) => `${name.padEnd(12)} ${value}`)
      .join('\n'),
  );
  say(`durability, of one class (a crash of the process loses nothing, of the power the last moments):`);
  say(
    Object.entries(durability)
      .map(([name, value]) => `  ${name.padEnd(16)} ${value}`)
      .join('\n'),
  );
  const measured: { scenario: string; rows: (Row & { holds?: boolean })[] }[] = [];
  for (const { name, title, run } of chosen) {
    bench.progress(name);
    const rows = await run(bench);
    measured.push({
      scenario: name,
      rows: rows.map((one) => ({ ...one, ...(holds(one) !== undefined && { holds: holds(one) as boolean }) })),
    });
    say(form === 'markdown' ? markdownOf(title, rows) : tableOf(title, rows));
  }
  for (const { what, why } of leftOut) say(`\nleft out: ${what}: ${why}`);
  if (!options.peers) say('\nOther queues were not asked for: --peers measures them, too.');
  const seconds = Math.round((performance.now() - start) / 1000);
  say(`\n${seconds} s in all`);
  if (form === 'json')
    console.log(JSON.stringify({ machine, durability, measured, left_out: leftOut, seconds }, null, 2));
  return 0;
}
