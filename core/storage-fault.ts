// What SQLite, D1 and libSQL say when nothing more can be stored. The index of the log shares the full disk.
const full = /SQLITE_(FULL|IOERR_SHMSIZE)|database or disk is full|exceeded maximum DB size/i;
const ofStorage = /SQLITE_(BUSY|FULL|IOERR|READONLY|CORRUPT|NOTADB|CANTOPEN|PROTOCOL|NOMEM)/;

/** Whether a write failed because there is no space left, be it on the disk or within the limit of a platform. */
export const isFull = (error: unknown): boolean => full.test(textOf(error));

/** What the log says of a fault: a line where the storage is at fault, where a stack tells nothing; else the stack. */
export function causeOf(error: unknown): string {
  const text = textOf(error);
  return ofStorage.test(text) || isFull(error) ? text : String((error as Error)?.stack ?? error);
}

function textOf(error: unknown): string {
  const { code = '', message = error } = Object(error) as { code?: unknown; message?: unknown };
  return `${String(code)} ${String(message)}`.trim();
}
