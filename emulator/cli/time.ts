import type { Command } from 'commander';
import { type ClientOptions, call, client } from './client.ts';
import { printJson, printTable, show } from './output.ts';
import { duration } from './values.ts';

const examples = `
Examples:
  $ escapement time freeze
  $ escapement time jump +2h
  $ escapement time agenda`;

/** `escapement time …`: the clock of a system that `escapement dev` runs. */
export function time(program: Command): void {
  const group = program
    .command('time')
    .description('the clock of a system that runs under dev: freeze it, move it, see what comes next')
    .addHelpText('after', examples);
  const act = async (options: ClientOptions, action: string, ms?: number) => {
    const { build: _, ...state } = await call(options, 'POST', '/__emulator/time', { action, ms });
    show(options, state);
  };
  client(group.command('show'))
    .description('what the clock shows')
    .action(async (options: ClientOptions) => {
      const { build: _, ...state } = await call(options, 'GET', '/__emulator/state');
      show(options, state);
    });
  client(group.command('freeze'))
    .description('stop the clock; what runs keeps its lease')
    .action((options: ClientOptions) => act(options, 'freeze'));
  client(group.command('resume'))
    .description('let it go on from where it stands')
    .action((options: ClientOptions) => act(options, 'resume'));
  client(group.command('step').argument('[duration]', 'a second, if left out', duration))
    .description('stop the clock and move it a little')
    .action((ms: number | undefined, options: ClientOptions) => act(options, 'step', ms));
  client(group.command('jump').argument('<duration>', 'such as +2h', duration))
    .description('move the clock; what falls due is done at once')
    .action((ms: number, options: ClientOptions) => act(options, 'jump', ms));
  client(group.command('next'))
    .description('move the clock to the next thing on the agenda')
    .action((options: ClientOptions) => act(options, 'next'));
  client(group.command('agenda'))
    .description('what will happen next')
    .option('--limit <n>', 'at most this many things', '20')
    .action(async (options: ClientOptions & { limit: string }) => {
      const agenda = await call(options, 'GET', `/__emulator/agenda?limit=${encodeURIComponent(options.limit)}`);
      if (options.json) return printJson(agenda);
      printTable(
        ['at', 'kind', 'what'],
        agenda.items.map(({ at, kind, text }: Record<string, string>) => [at, kind, text]),
      );
    });
}
