import { readFileSync, statfsSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

// f_type of statfs(2), for the file systems that a temporary folder usually has.
const fileSystems: Record<number, string> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlay',
};

/** What the figures were measured on, and what each write was worth when it was acknowledged. */
export function describeMachine(root: string) {
  const db = new Sqlite(':memory:');
  const sqlite = db.prepare('SELECT sqlite_version()').pluck().get() as string;
  db.close();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    escapement: version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memory_gb: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    sqlite,
    data_folder: `${tmpdir()} (${fileSystems[statfsSync(tmpdir()).type] ?? 'another file system'})`,
  };
}

/** One class for all: what is acknowledged survives a crash of the process; a power cut may take the last moments. */
export const durability = {
  escapement: 'WAL, synchronous=NORMAL (DB_SYNCHRONOUS=normal, the default)',
  bare: 'WAL, synchronous=NORMAL',
  plainjob: 'WAL, synchronous=NORMAL (its own choice)',
  'graphile-worker': 'PostgreSQL, synchronous_commit=off, fsync=on',
  'pg-boss': 'PostgreSQL, synchronous_commit=off, fsync=on',
  bullmq: 'Redis, appendonly yes, appendfsync everysec',
};
