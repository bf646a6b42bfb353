import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../core/context.ts';

/** Standard output without waiting for whoever reads it; what is left is written when the process exits. */
function unhurried() {
  const destination = pino.destination({ dest: 1, sync: false });
  process.on('exit', () => destination.flushSync());
  return destination;
}

/** Writes log lines to standard output: one JSON object a line, or coloured text on a terminal. */
export function makeLogger(level: string): Logger {
  const stream = process.stdout.isTTY
    ? pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true })
    : undefined;
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const log = stream ? pino(options, stream) : pino(options, unhurried());
  return (at, message, data) => log[at](data ?? {}, message);
}
