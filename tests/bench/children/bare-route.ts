// The limit of POST /v1/jobs: a Hono route that inserts one row with better-sqlite3. No token, no limit, no log.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { openSqlite } from '../../../emulator/sqlite.ts';

const [folder, port] = process.argv.slice(2) as [string, string];
const db = openSqlite(join(folder, 'bare.db'), 'normal');
db.exec('CREATE TABLE jobs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, payload TEXT NOT NULL) STRICT');
const insert = db.prepare('INSERT INTO jobs (id, payload) VALUES (?, ?)');

const app = new Hono();
app.post('/v1/jobs', async (c) => {
  const { payload } = await c.req.json();
  const id = randomUUID();
  insert.run(id, JSON.stringify(payload));
  return c.json({ id, payload }, 201);
});
serve({ fetch: app.fetch, port: Number(port), hostname: '127.0.0.1' }, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
