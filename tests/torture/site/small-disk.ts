import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from '../../support/server.ts';

const mounted = new Set<SmallDisk>();

/** A small file system of its own, in memory, that can be filled to the last page. */
export class SmallDisk {
  readonly folder = tempFolder();
  readonly #sudo: string[];

  private constructor(sudo: string[]) {
    this.#sudo = sudo;
  }

  /** Mounts one, if need be and as far as allowed by way of sudo; undefined where none may be mounted. */
  static mount(megabytes: number): SmallDisk | undefined {
    for (const sudo of [[], ['sudo', '-n']]) {
      const disk = new SmallDisk(sudo);
      try {
        const owner = `uid=${process.getuid?.()},gid=${process.getgid?.()},mode=0700`;
        disk.#call('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,${owner}`, 'escapement-torture', disk.folder);
        mounted.add(disk);
        return disk;
      } catch {}
    }
    return undefined;
  }

  #call(...command: string[]): void {
    const [program = '', ...rest] = [...this.#sudo, ...command];
    execFileSync(program, rest, { stdio: 'ignore' });
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }

  /** Takes all space but so many kilobytes. */
  fill(left: number): void {
    const file = openSync(this.#ballast, 'w');
    try {
      // Page by page: others take from the same space meanwhile.
      for (const page = Buffer.alloc(4096); ; ) {
        const { bavail, bsize } = statfsSync(this.folder);
        if (bavail * bsize <= left * 1024) break;
        writeSync(file, page);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  unmount(): void {
    if (!mounted.delete(this)) return;
    // Lazily: a process that is being killed may still have files open there.
    this.#call('umount', '--lazy', this.folder);
  }
}

/** Takes down whatever is mounted still. */
export function unmountAll(): void {
  for (const disk of mounted) disk.unmount();
}
