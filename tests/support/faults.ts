import type { Database } from '../../core/database.ts';
import { FaultyPort } from './faulty-port.ts';

/**
 * How a call to the database goes wrong: `lost` before it took effect, `committed` (it took effect, but the caller saw an
 * error), `refused` for good, or `gone` (refused, and so is every later call).
 */
export type Fault = 'lost' | 'committed' | 'refused' | 'gone';

export const faults: readonly Fault[] = ['lost', 'committed', 'refused', 'gone'];

const PERMANENT = 'D1_ERROR: disk I/O error: SQLITE_IOERR';

/** A port whose `at`-th call (1 is the first; a batch is one call) goes wrong; `met` says whether there was one. */
export function failingAt(inner: Database, at: number, fault: Fault): { port: Database; met: () => boolean } {
  const hit = (call: number): boolean => call + 1 === at || (fault === 'gone' && call + 1 > at);
  const kind = fault === 'committed' ? 'after' : 'before';
  const message = fault === 'refused' || fault === 'gone' ? [PERMANENT] : [];
  const port = new FaultyPort(inner, (call) => (hit(call) ? kind : undefined), ...message);
  return { port, met: () => port.calls >= at };
}
