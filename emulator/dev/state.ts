import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import Sqlite from 'better-sqlite3';
import { createFirstAdmin, createUser } from '../../core/access/users.ts';
import { contextOf } from '../../core/context.ts';
import { Problem } from '../../core/http/problem.ts';
import { verify } from '../storage/verify.ts';
import type { Powers } from './powers.ts';

/** The database as one SQLite file, which keeps the moment of the emulator's clock, too. */
export async function exportState(powers: Powers): Promise<Response> {
  const folder = mkdtempSync(join(tmpdir(), 'escapement-'));
  const end = () => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, 'state.db');
  try {
    await powers.inside.copyDatabase(file);
    stampTime(file, powers.clock.now());
  } catch (error) {
    end();
    throw error;
  }
  const stream = createReadStream(file).on('close', end);
  return new Response(Readable.toWeb(stream) as unknown as BodyInit, {
    headers: { 'content-type': 'application/vnd.sqlite3', 'content-disposition': 'attachment; filename="state.db"' },
  });
}

/** The moment in whole seconds, never before what is in the file, in the place that SQLite leaves to its users. */
function stampTime(file: string, now: number): void {
  const db = new Sqlite(file);
  db.pragma(`user_version = ${Math.ceil(now / 1000)}`);
  db.close();
}

/** The moment of the export; undefined for a backup, which holds none. Throws a Problem for another file. */
async function momentOf(file: string, migrations: string): Promise<number | undefined> {
  await verify(file, migrations).catch(({ message }: Error) => {
    throw new Problem('malformed_request', `The file ${message}; nothing was changed.`);
  });
  const db = new Sqlite(file, { readonly: true });
  const seconds = db.pragma('user_version', { simple: true }) as number;
  db.close();
  return seconds > 0 ? seconds * 1000 : undefined;
}

/**
 * Puts a state file, or a backup, in the place of the database. Jobs that run are let go, and the clock goes on from
 * the moment of the export. Throws a Problem for another file.
 */
export async function importState(powers: Powers, root: string, body: ReadableStream | null): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'escapement-'));
  const file = join(folder, 'state.db');
  try {
    await pipeline(body ? Readable.fromWeb(body) : Readable.from([]), createWriteStream(file));
    const time = await momentOf(file, join(root, 'migrations'));
    await powers.replaceDatabase(file);
    if (time !== undefined) powers.clock.set(time);
    return await admitSomebody(powers, false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An empty database, the real time, no faults, and nothing in the mailbox, the bins and the request log. */
export async function resetState(powers: Powers): Promise<string | null> {
  await powers.replaceDatabase();
  powers.clock.resume();
  powers.clock.set(Date.now());
  powers.faults.clear();
  Object.assign(powers, { crons: true, claiming: true });
  for (const kept of [powers.mailbox, powers.bins, powers.requests]) kept.clear();
  return admitSomebody(powers, true);
}

/** The tokens of before may be unknown to the database now: where no setting holds one, a new admin's. */
async function admitSomebody(powers: Powers, isNew: boolean): Promise<string | null> {
  const ctx = contextOf(powers.inside.env);
  if (ctx.settings.BOOTSTRAP_ADMIN_TOKEN) return null;
  return isNew ? createFirstAdmin(ctx) : (await createUser(ctx, 'emulator', 'admin')).token;
}
