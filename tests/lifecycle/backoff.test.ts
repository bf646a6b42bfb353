import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoff } from '../../core/lifecycle/backoff.ts';
import { readSettings } from '../../core/settings.ts';
import { TestClock } from '../support/clock.ts';

const settingsOf = (base: number, max: number) =>
  readSettings({ BACKOFF_BASE_MS: String(base), BACKOFF_MAX_MS: String(max) });

const DAY = 86_400_000;
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const base = fc.integer({ min: 0, max: DAY });
const cap = fc.integer({ min: 0, max: 30 * DAY });
const nth = fc.integer({ min: 1, max: 101 });

describe('Backoff', () => {
  test('lies in [0, min(cap, base * 2^n)] and is whole milliseconds, whatever chance says', () => {
    fc.assert(
      fc.property(base, cap, nth, fraction, (ms, max, retry, random) => {
        const wait = backoff({ settings: settingsOf(ms, max), random: () => random }, retry);
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(Math.min(max, ms * 2 ** (retry - 1)));
      }),
    );
  });

  test('takes what a receiver asked for as a minimum, and the cap all the same', () => {
    const asked = fc.integer({ min: 0, max: 365 * DAY });
    fc.assert(
      fc.property(base, cap, nth, fraction, asked, (ms, max, retry, random, atLeast) => {
        const wait = backoff({ settings: settingsOf(ms, max), random: () => random }, retry, atLeast);
        expect(wait).toBeGreaterThanOrEqual(Math.min(atLeast, max));
        expect(wait).toBeLessThanOrEqual(max);
      }),
    );
  });

  test.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [6, 32_000],
    [7, 60_000],
    [100, 60_000],
  ])('before retry %i is spread over all of 0 to %i ms', (retry, ceiling) => {
    const settings = settingsOf(1000, 60_000);
    expect(backoff({ settings, random: () => 0 }, retry)).toBe(0);
    expect(backoff({ settings, random: () => 1 - Number.EPSILON }, retry)).toBe(ceiling);
    const { random } = new TestClock();
    const tenths = new Set(
      Array.from({ length: 500 }, () => Math.floor((10 * backoff({ settings, random }, retry)) / (ceiling + 1))),
    );
    expect(tenths.size).toBe(10);
  });
});
