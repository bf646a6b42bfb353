import type { Context } from './context.ts';

/** Asks the processor to look for due jobs now. Losing the call loses no job: the cron finds it later. */
export function wake(ctx: Context): void {
  const calling = ctx.env.PROCESSOR?.fetch('https://processor/v1/ticks/process-batch', {
    method: 'POST',
    headers: { 'x-tick-secret': ctx.settings.TICK_SECRET },
  });
  if (calling)
    ctx.waitUntil(
      calling.catch((error) => ctx.log('warn', 'The processor could not be woken.', { cause: String(error) })),
    );
}
