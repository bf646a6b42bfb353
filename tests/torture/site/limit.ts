import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import type { Fleet } from './fleet.ts';

/** Where no small disk may be mounted: no process can make the files of the database longer than they are. */
export class FileLimit {
  readonly #fleet: Fleet;
  readonly #file: string;

  constructor(fleet: Fleet, file: string) {
    this.#fleet = fleet;
    this.#file = file;
  }

  /** Lets the files grow by so many kilobytes. */
  fill(left: number): void {
    const longest = Math.max(...['', '-wal'].map((suffix) => statSync(this.#file + suffix).size));
    this.#limit(String(longest + left * 1024));
  }

  free(): void {
    this.#limit('unlimited');
  }

  #limit(size: string): void {
    for (const { pid } of this.#fleet.parts)
      if (pid !== undefined) execFileSync('prlimit', ['--pid', String(pid), `--fsize=${size}:unlimited`]);
  }
}
