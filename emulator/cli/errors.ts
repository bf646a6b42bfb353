/** Exit codes, for scripts. */
export const exit = {
  ok: 0,
  /** It did not work, and may later: no answer, a fault of the server, too many requests. */
  failure: 1,
  /** The command line makes no sense. */
  usage: 2,
  notFound: 3,
  /** The server understood and refused: no valid token, not allowed, a state or a value that does not fit. */
  refused: 4,
} as const;

/** What ends a command: one line for people, and an exit code. */
export class CliError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The exit code for an answer that is not a success. */
export function codeOf(status: number): number {
  if (status === 404) return exit.notFound;
  if (status === 408 || status === 429 || status >= 500) return exit.failure;
  return exit.refused;
}
