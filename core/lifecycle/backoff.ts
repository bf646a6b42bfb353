import type { Context } from '../context.ts';

/**
 * Milliseconds to wait before retry number `retry` (1 is the first): exponential with full jitter, which spreads
 * a herd best ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015). `atLeast` is what a receiver asked
 * for. Always in [0, BACKOFF_MAX_MS].
 */
export function backoff(ctx: Pick<Context, 'settings' | 'random'>, retry: number, atLeast = 0): number {
  const { BACKOFF_BASE_MS, BACKOFF_MAX_MS } = ctx.settings;
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(retry - 1, 40));
  return Math.min(BACKOFF_MAX_MS, Math.max(atLeast, Math.floor(ctx.random() * (ceiling + 1))));
}
