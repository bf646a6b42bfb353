import { type ChildProcess, spawn } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.ts';
import { pause, tempFolder } from './server.ts';

/** A new folder in which `npm start` works as in a fresh clone, with a data/ and a .env of its own. */
export function checkout(): string {
  const folder = tempFolder();
  for (const name of ['package.json', 'node_modules', 'emulator', 'sample.env', 'ecosystem.config.json'])
    symlinkSync(join(root, name), join(folder, name));
  return folder;
}

export interface Terminal {
  child: ChildProcess;
  /** What it has printed so far. */
  output: string;
  /** The exit code of the shell, once it and all that it started have ended. */
  closed: Promise<number | null>;
}

/** Types a script into bash, as a person would in `folder`. Its processes are a group, which `close` ends. */
export function type(script: string, folder: string, env: Record<string, string> = {}): Terminal {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  const terminal: Terminal = { child, output: '', closed };
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (terminal.output += text));
  return terminal;
}

/** Waits until a terminal has printed something that matches; the match. */
export async function printed(terminal: Terminal, pattern: RegExp, ms = 50_000): Promise<RegExpExecArray> {
  for (const end = Date.now() + ms; ; await pause(20)) {
    const match = pattern.exec(terminal.output);
    if (match) return match;
    if (terminal.child.exitCode !== null || Date.now() > end)
      throw new Error(`${pattern} was not printed:\n${terminal.output}`);
  }
}

/** Ends whatever still runs in a terminal, gently or at once with SIGKILL, and waits until the last process is gone. */
export async function close({ child, closed }: Terminal, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  try {
    process.kill(-(child.pid as number), signal);
  } catch {}
  await closed;
}

/** Types blocks into one shell, one after another; what each printed. Throws where one fails or takes too long. */
export async function typeAlong(blocks: readonly string[], folder: string): Promise<string[]> {
  const mark = '== end of a block ==';
  const terminal = type(blocks.map((block) => `${block}\necho '${mark}'`).join('\n'), folder);
  const timer = setTimeout(() => void close(terminal, 'SIGKILL'), 50_000);
  // A receiver that a failed session left running would keep it open.
  terminal.child.on('exit', () => void close(terminal, 'SIGKILL'));
  const code = await terminal.closed;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`The session ended with ${code}:\n${terminal.output}`);
  return terminal.output.split(`${mark}\n`).slice(0, -1);
}
