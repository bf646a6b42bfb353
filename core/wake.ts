import type { Context } from './context.ts';

/** The ticks that can be asked for. */
export type Woken = 'process-batch' | 'coordinate';

/**
 * Asks for a tick now: process-batch after a job became due, coordinate after one failed. Losing the call loses
 * no job: the cron finds it later.
 */
export function wake(ctx: Context, tick: Woken = 'process-batch'): void {
  const calling = ctx.env.PROCESSOR?.fetch(`https://processor/v1/ticks/${tick}`, {
    method: 'POST',
    headers: { 'x-tick-secret': ctx.settings.TICK_SECRET },
  });
  const lost = (cause: string) => ctx.log('warn', 'A tick could not be woken.', { tick, cause });
  if (calling)
    ctx.waitUntil(
      calling.then(
        ({ ok, status }) => ok || lost(`It answered ${status}.`),
        (error) => lost(String(error)),
      ),
    );
}

/** Wakes process-batch where a job falls due before its next look, which TICK_LINGER_MS puts off. */
export function wakeFor(ctx: Context, runAt: number): void {
  if (runAt <= ctx.now() + ctx.settings.TICK_LINGER_MS) wake(ctx);
}
