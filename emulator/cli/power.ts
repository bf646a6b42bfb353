import { type Command, InvalidArgumentError } from 'commander';
import { type ClientOptions, call, client } from './client.ts';
import { print, printJson, show } from './output.ts';
import { duration, whole } from './values.ts';

const tickExamples = `
Examples:
  $ escapement tick coordinate
  $ escapement crons off`;
const faultExamples = `
Examples:
  $ escapement faults fail webhook --times 2
  $ escapement faults kill
  $ escapement faults slow 200ms
  $ escapement faults clear`;

/** `escapement tick`, `crons`, `claiming` and `faults …`: what runs, and what goes wrong, under `escapement dev`. */
export function power(program: Command): void {
  client(program.command('tick <name>'))
    .description('run a tick of a system under dev now: process-batch or coordinate')
    .addHelpText('after', tickExamples)
    .action(async (name: string, options: ClientOptions) =>
      show(options, await call(options, 'POST', `/__emulator/ticks/${encodeURIComponent(name)}`)),
    );
  for (const [name, what] of [
    ['crons', 'whether ticks begin by themselves'],
    ['claiming', 'whether workers take jobs'],
  ] as const)
    client(program.command(name).argument('<on|off>', '', flag))
      .description(`${what}, in a system under dev`)
      .action(async (on: boolean, options: ClientOptions) => {
        const { build: _, ...state } = await call(options, 'POST', `/__emulator/${name}`, { on });
        show(options, state);
      });
  faults(program.command('faults').description('what goes wrong on demand in a system under dev'));
}

function faults(group: Command): void {
  group.addHelpText('after', faultExamples);
  const set = async (options: ClientOptions, fault?: object): Promise<void> =>
    tell(options, await call(options, fault ? 'POST' : 'GET', '/__emulator/faults', fault));
  client(group.command('list'))
    .description('the faults that are on')
    .action((options: ClientOptions) => set(options));
  client(group.command('fail <task_type>'))
    .description('let the next runs of a task fail')
    .option('--times <n>', 'how many', whole, 1)
    .option('--error <text>', 'what they fail with')
    .action((task_type: string, { times, error, ...options }: ClientOptions & { times: number; error?: string }) =>
      set(options, { kind: 'fail', task_type, times, error }),
    );
  client(group.command('kill'))
    .description('end the worker: what it has in hand is taken up when its leases end')
    .action((options: ClientOptions) => set(options, { kind: 'kill' }));
  client(group.command('slow').argument('<duration>', 'such as 200ms', duration))
    .description('let every call of the database take this much longer')
    .action((ms: number, options: ClientOptions) => set(options, { kind: 'slow', ms }));
  client(group.command('skew').argument('<duration>', 'such as 90s', duration))
    .description("put the workers' clock ahead of everybody else's")
    .option('--behind', 'behind it instead')
    .action((ms: number, { behind, ...options }: ClientOptions & { behind?: boolean }) =>
      set(options, { kind: 'skew', ms: behind ? -ms : ms }),
    );
  client(group.command('clear'))
    .description('all of them off')
    .action(async (options: ClientOptions) => tell(options, await call(options, 'DELETE', '/__emulator/faults')));
}

function tell(options: ClientOptions, answer: { items: object[] }): void {
  if (options.json) printJson(answer);
  else for (const fault of answer.items) print(Object.values(fault).join('\t'));
}

function flag(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('It is on or off.');
  return text === 'on';
}
