import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../core/context.ts';

/** Writes log lines to standard output: one JSON object a line, or coloured text on a terminal. */
export function makeLogger(level: string): Logger {
  const stream = process.stdout.isTTY
    ? pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' })
    : undefined;
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const log = stream ? pino(options, stream) : pino(options, pino.destination({ dest: 1, sync: true }));
  return (at, message, data) => log[at](data ?? {}, message);
}
