import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '../../core/context.ts';
import { loadFunctions } from '../../emulator/functions.ts';
import { migrate } from '../../emulator/migrate.ts';
import { makeRouter } from '../../emulator/router.ts';
import { openSqlite, SqlitePort } from '../../emulator/sqlite.ts';
import { root } from '../support/build.ts';
import { tempFolder } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';
import type { TargetFactory } from './target.ts';

/** The built bundles in Node, behind the emulator's router, over a SQLite file. */
export const sqlite: TargetFactory = async (settings) => {
  const folder = tempFolder();
  const db = openSqlite(join(folder, 'jobs.db'), 'normal');
  migrate(db, join(root, 'migrations'));
  const port = new SqlitePort(db);
  const env: Env = { ...settings, DB: port, LOG: () => {} };
  const functions = await loadFunctions(join(root, 'dist'));
  const peer = { incoming: { socket: { remoteAddress: '127.0.0.1' } } };

  return {
    name: 'sqlite',
    async call(method, path, body, { token = ADMIN, headers = {} } = {}) {
      const request = new Request(new URL(path, 'http://test'), {
        method,
        headers: {
          ...(token && { 'x-user-auth': token }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const response = await makeRouter(functions, env).fetch(request, peer as never);
      const text = await response.text();
      return { status: response.status, headers: response.headers, json: text && JSON.parse(text) };
    },
    async tick(name) {
      const tick = functions.find((one) => one.name === name);
      // Its own env: workers of one process would join.
      return (await tick?.scheduled?.({}, { ...env })) ?? {};
    },
    async sql<Row>(text: string, ...values: (string | number | null)[]): Promise<Row[]> {
      const statement = port.prepare(text);
      return (await (values.length > 0 ? statement.bind(...values) : statement).all<Row>()).results;
    },
    async close() {
      db.close();
      rmSync(folder, { recursive: true });
    },
  };
};
