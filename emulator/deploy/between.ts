// What the local host and its Worker say to each other.

/** The schedule by which the host says that it is about to stop; no HTTP request can. */
export const STOP = 'stop';

/** The header of an answer that is none: the way out failed, and the body is JSON with `message` and `code`. */
export const FAILED = 'x-escapement-failed';
