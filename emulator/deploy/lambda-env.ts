import type { Env, Fetcher, Logger } from '../../core/context.ts';
import type { Database } from '../../core/database.ts';
import { LibsqlPort, openClient } from './libsql-port.ts';

/** Time a wake may take to be sent. Its answer comes when the tick is over, and nobody waits for that. */
const WAKE_MS = 500;

/**
 * The env of functions on Lambda, from the environment's variables: the settings, and what is Lambda's own:
 * LIBSQL_URL and LIBSQL_AUTH_TOKEN (the database), PROCESSOR_URL (where POST /v1/ticks/… is served; optional).
 */
export function envOf(variables: Record<string, string | undefined>): Env {
  // Names of bindings are not settings, whatever the environment holds under them.
  const { DB: _, PROCESSOR: _p, OUTBOUND: _o, SOURCES: _s, STOPPING: _t, LOG: _l, ...settings } = variables;
  return {
    ...settings,
    DB: databaseOf(variables),
    OUTBOUND: outboundOf(variables.WEBHOOK_ALLOW_PRIVATE === 'true'),
    LOG: loggerOf(variables.LOG_LEVEL || 'info'),
    ...(variables.PROCESSOR_URL && { PROCESSOR: processorAt(variables.PROCESSOR_URL) }),
  };
}

const databaseOf = ({ LIBSQL_URL, LIBSQL_AUTH_TOKEN }: Record<string, string | undefined>): Database =>
  new LibsqlPort(async () => {
    if (!LIBSQL_URL) throw new Error('LIBSQL_URL is not set.');
    return openClient(LIBSQL_URL, LIBSQL_AUTH_TOKEN);
  });

/** Sends a wake and leaves it: the tick goes on when its caller hangs up. What cannot be sent is reported. */
const processorAt = (base: string): Fetcher => ({
  async fetch(request, init) {
    const { pathname } = new URL(String(request));
    try {
      return await fetch(base.replace(/\/$/, '') + pathname, { ...init, signal: AbortSignal.timeout(WAKE_MS) });
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') return new Response(null, { status: 202 });
      throw error;
    }
  },
});

/** Lambda does not guard the way out; what does is large, and loaded with the first webhook. */
const outboundOf = (allowPrivate: boolean): Fetcher => {
  let guard: Promise<Fetcher> | undefined;
  return {
    async fetch(request, init) {
      guard ??= import('../outbound.ts').then(({ makeOutbound }) => makeOutbound(allowPrivate));
      return (await guard).fetch(request, init);
    },
  };
};

const levels = ['debug', 'info', 'warn', 'error'] as const;

/** One JSON object a line, which CloudWatch reads field by field. */
const loggerOf = (least: string): Logger => {
  const from = least === 'silent' ? levels.length : levels.indexOf(least as (typeof levels)[number]);
  return (level, message, data) => {
    if (levels.indexOf(level) >= from) console[level](JSON.stringify({ level, message, ...data }));
  };
};
