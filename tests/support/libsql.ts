import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { LibsqlPort, openClient } from '../../emulator/deploy/libsql-port.ts';
import { migrateLibsql } from '../../emulator/deploy/migrate-libsql.ts';
import { root } from './build.ts';
import { breaches } from './invariants.ts';
import { tempFolder } from './server.ts';

/** A libSQL database in a file of its own. */
export class LibsqlFile {
  readonly folder = tempFolder();
  readonly path = join(this.folder, 'jobs.db');
  readonly url = `file:${this.path}`;
  readonly #client = openClient(this.url);
  readonly port = new LibsqlPort(() => this.#client);

  static async migrated(): Promise<LibsqlFile> {
    const file = new LibsqlFile();
    await migrateLibsql(file.url, join(root, 'migrations'));
    return file;
  }

  async sql<Row>(text: string, ...values: (string | number | null)[]): Promise<Row[]> {
    const bound = this.port.prepare(text);
    return (await (values.length > 0 ? bound.bind(...values) : bound).all<Row>()).results;
  }

  /** Closes the file, deletes it, and says what in it the invariants forbid. Whoever else has it open closes it before. */
  async close(): Promise<string[]> {
    (await this.#client).close();
    // Two SQLite libraries in one process must not have a file open at once: closing one drops the other's locks.
    const db = new Sqlite(this.path);
    const tables = db.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'").pluck().get();
    const found = tables === 1 ? breaches(db) : [];
    db.close();
    rmSync(this.folder, { recursive: true });
    return found;
  }
}
