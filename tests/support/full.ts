import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, Statement } from '../../core/database.ts';
import { type BoundStatement, SqlitePort } from '../../emulator/sqlite.ts';
import { tempFolder } from './server.ts';

/** A port whose every write ends as on a full disk, for as long as `full` says so. */
export class FullPort extends SqlitePort {
  full = true;

  override async batch<Row>(statements: Statement[]): Promise<{ results: Row[] }[]> {
    if (this.full && !(statements as BoundStatement[]).every(({ sql }) => this.compile(sql).readonly))
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    return super.batch<Row>(statements);
  }
}

/** A database whose every call fails like this. */
export const broken = (error: unknown): Database => {
  const fail = () => Promise.reject(error);
  const statement = { bind: () => statement, all: fail, first: fail };
  return { prepare: () => statement, batch: fail };
};

/** A small disk of its own. Only root may mount one; elsewhere there is none. */
export class SmallDisk {
  readonly folder = tempFolder();
  readonly #filler = join(this.folder, 'filler');

  static readonly possible = (() => {
    try {
      new SmallDisk(1).unmount();
      return true;
    } catch {
      return false;
    }
  })();

  constructor(megabytes: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', this.folder], {
      stdio: 'ignore',
    });
  }

  /** Takes all the space that is left. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    try {
      for (const block = Buffer.alloc(4096); ; ) writeSync(file, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#filler);
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.folder]);
  }
}
