import { Lambda } from '../support/lambda.ts';
import { LibsqlFile } from '../support/libsql.ts';
import { ADMIN } from '../support/system.ts';
import type { TargetFactory } from './target.ts';

/** The built Lambda handlers behind API Gateway's events, over a libSQL file. */
export const libsql: TargetFactory = async (settings) => {
  const file = await LibsqlFile.migrated();
  const lambda = new Lambda({ ...settings, LIBSQL_URL: file.url });
  return {
    name: 'libsql',
    call: (method, path, body, { token = ADMIN, headers = {} } = {}) =>
      lambda.request({
        method,
        target: path,
        headers: Object.entries({
          ...(token && { 'x-user-auth': token }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        }),
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    tick: (name) => lambda.tick(name),
    sql: (text, ...values) => file.sql(text, ...values),
    close: async () => {
      await lambda.close();
      const found = await file.close();
      if (found.length > 0) throw new Error(`The invariants are broken: ${found.join('; ')}`);
    },
  };
};
