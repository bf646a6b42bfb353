import { createWriteStream, openAsBlob, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import { type ClientOptions, call, client, send } from './client.ts';
import { CliError, exit } from './errors.ts';
import { print, printJson, show } from './output.ts';

const examples = `
Examples:
  $ escapement state export bug.db
  $ escapement state import bug.db`;

/** `escapement state …`: all that a system which `escapement dev` runs has stored. */
export function state(program: Command): void {
  const group = program
    .command('state')
    .description('export, import and reset the state of a system that runs under dev')
    .addHelpText('after', examples);
  client(group.command('export <file>'))
    .description('write the whole state to a new file')
    .action(async (file: string, options: ClientOptions) => {
      await save(await send(options, 'GET', '/__emulator/export'), file);
      if (options.json) printJson({ file });
      else print(file);
    });
  client(group.command('import <file>'))
    .description('put a state file in the place of the state; the clock goes on from the moment of the export')
    .action(async (file: string, options: ClientOptions) => {
      const body = await read(file);
      const response = await send(options, 'POST', '/__emulator/import', { body });
      const { build: _, ...state } = (await response.json()) as Record<string, unknown>;
      show(options, state);
    });
  client(group.command('reset'))
    .description('begin anew: an empty database, the real time, no faults')
    .action(async (options: ClientOptions) => {
      const { build: _, ...state } = await call(options, 'POST', '/__emulator/reset');
      show(options, state);
    });
}

/** Writes an answer to a file that is not there yet. A state file holds payloads, so it is its owner's alone. */
async function save(response: Response, file: string): Promise<void> {
  try {
    const out = createWriteStream(file, { flags: 'wx', mode: 0o600 });
    await pipeline(Readable.fromWeb(response.body as ReadableStream), out);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new CliError(exit.refused, `${file} is there already; nothing was written.`);
    if (code !== 'ENOENT') rmSync(file, { force: true });
    throw new CliError(exit.failure, `${file} cannot be written: ${message}`);
  }
}

/** A file as a body that is not held in memory. */
async function read(file: string): Promise<Blob> {
  try {
    return await openAsBlob(file);
  } catch (error) {
    throw new CliError(exit.usage, `${file} cannot be read: ${(error as Error).message}`);
  }
}
