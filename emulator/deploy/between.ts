// What the local host and its Worker say to each other.

/** The schedule by which the host says that it is about to stop; no HTTP request can. */
export const STOP = 'stop';

/** The header of an answer that is none: the way out failed, and the body is JSON with `message` and `code`. */
export const FAILED = 'x-escapement-failed';

/** How a schedule begins that tells the Worker of `npm run dev` what the emulator is set to: JSON follows. */
export const TELL = 'tell ';

/** What the emulator is set to, as its Worker needs it. */
export interface Told {
  offset_ms: number;
  /** The moment that the clock shows while it stands. */
  frozen_at: number | null;
  skew_ms: number;
  slow_ms: number;
  claiming: boolean;
  /** Whether runs are to fail; which ones is asked of the host. */
  failing: boolean;
}
