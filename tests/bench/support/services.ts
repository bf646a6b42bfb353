import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './processes.ts';

/** A server that a peer needs, on a free port and with its data in a temporary folder. */
export interface Service {
  url: string;
  stop(): Promise<void>;
}

/** Redis, asynchronously durable: an append-only file, synced every second. Throws where it is not installed. */
export async function startRedis(folder: string): Promise<Service> {
  const binary = find('redis-server', (process.env.PATH ?? '').split(delimiter));
  const data = join(folder, 'redis');
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', data];
  const lasting = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
  const child = spawn(binary, [...place, ...lasting], { stdio: 'ignore' });
  return serving(child, port, `redis://127.0.0.1:${port}`, 'SIGTERM');
}

/** PostgreSQL, asynchronously durable: synchronous_commit=off. Throws where it is not installed. */
export async function startPostgres(folder: string): Promise<Service> {
  const versions = '/usr/lib/postgresql';
  const debian = existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, 'bin')) : [];
  const places = [...debian.reverse(), ...(process.env.PATH ?? '').split(delimiter)];
  const initdb = find('initdb', places);
  const binary = find('postgres', places);
  const data = join(folder, 'postgres');
  mkdirSync(data, { recursive: true });
  const user = unprivileged();
  if (user) for (const path of [folder, data]) chownSync(path, user.uid, user.gid);
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], {
    stdio: 'ignore',
    cwd: data,
    ...user,
  });
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: data,
    synchronous_commit: 'off',
    shared_buffers: '512MB',
    max_wal_size: '4GB',
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openSync(join(folder, 'postgres.log'), 'a');
  const child = spawn(binary, ['-D', data, '-p', String(port), ...given], {
    stdio: ['ignore', log, log],
    cwd: data,
    ...user,
  });
  return serving(child, port, `postgres://postgres@127.0.0.1:${port}/postgres`, 'SIGINT');
}

/** PostgreSQL refuses to run as root; its own user exists where its package is installed. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function find(name: string, folders: readonly string[]): string {
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (!found) throw new Error(`${name} is not installed`);
  return found;
}

async function serving(child: ChildProcess, port: number, url: string, signal: NodeJS.Signals): Promise<Service> {
  const end = performance.now() + 20_000;
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > end) throw new Error(`${child.spawnfile} did not start`);
    await pause(50);
  }
  return {
    url,
    async stop() {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const end = (up: boolean) => {
      socket.destroy();
      resolve(up);
    };
    socket.on('connect', () => end(true)).on('error', () => end(false));
  });
