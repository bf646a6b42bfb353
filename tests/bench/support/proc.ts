import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Whether this system keeps the books of its processes under /proc, as Linux does. */
export const hasProc = existsSync('/proc/self/stat');

let tickMs: number | undefined;

/** CPU time of a process, its system calls included, in milliseconds; 0 where it has ended. */
export function cpuMsOf(pid: number): number {
  tickMs ??= 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const fields = statOf(pid);
  // utime and stime are fields 14 and 15 of proc(5); the list begins with field 3.
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs;
}

/** The processes of a group. */
export function membersOf(group: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => Number(statOf(pid)[2]) === group);
}

/** The most memory a process ever held, in megabytes. */
export function peakMbOf(pid: number): number {
  const found = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`));
  return Number(found?.[1] ?? 0) / 1000;
}

/** The fields of /proc/pid/stat after the name, which may itself hold spaces and brackets. */
const statOf = (pid: number): string[] => read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
