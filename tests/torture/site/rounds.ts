import type { Amount } from './site.ts';

/** Does a round again and again: for the minutes that were asked for, else `few` times. How many there were. */
export async function rounds(amount: Amount, few: number, round: (i: number) => Promise<void>): Promise<number> {
  const { minutes, progress } = amount;
  const end = Date.now() + (minutes ?? 0) * 60_000;
  let said = Date.now();
  let i = 0;
  for (; minutes === undefined ? i < few : Date.now() < end; i++) {
    await round(i);
    if (Date.now() - said < 30_000) continue;
    said = Date.now();
    progress(`${i + 1} rounds`);
  }
  return i;
}
