import { InvalidArgumentError } from 'commander';

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a text such as 500ms, 90s, +2h or 1h30m; a bare number is milliseconds. For commander. */
export function duration(text: string): number {
  const given = text.replace(/^\+/, '');
  if (/^\d{1,15}$/.test(given)) return Number(given);
  if (!/^(\d{1,9}(\.\d{1,3})?(ms|s|m|h|d))+$/.test(given))
    throw new InvalidArgumentError('A duration is like 500ms, 90s, 15m, 2h, 1d or 1h30m.');
  const parts = [...given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  return Math.round(parts.reduce((sum, [, n, unit]) => sum + Number(n) * (units[unit as string] as number), 0));
}

/** A whole number. For commander. */
export function whole(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}
