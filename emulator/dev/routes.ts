import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';
import { type Context, Hono } from 'hono';
import { readJson } from '../../core/http/json.ts';
import { Problem } from '../../core/http/problem.ts';
import { type Schema, summaryOf, validate } from '../../core/validate.ts';
import type { Answer } from '../hooks.ts';
import type { Powers } from './powers.ts';
import * as schemas from './schemas.ts';
import { exportState, importState, resetState } from './state.ts';
import { changeTime } from './time.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Call = Context<{ Bindings: { next: Answer } }>;

/** The routes under /__emulator. Errors are problems, as everywhere. */
export function makeRoutes(powers: Powers): Hono<{ Bindings: { next: Answer } }> {
  const app = new Hono<{ Bindings: { next: Answer } }>().basePath('/__emulator');
  timeRoutes(app, powers);
  mailRoutes(app, powers);
  binRoutes(app, powers);
  stateRoutes(app, powers);
  app.all('*', () => {
    throw new Problem('not_found', 'The emulator has no such route.');
  });
  app.onError((error) => powers.refuse(error));
  return app;
}

type App = ReturnType<typeof makeRoutes>;

function timeRoutes(app: App, powers: Powers): void {
  app.get('/state', (c) => c.json(powers.state));
  app.get('/agenda', async (c) => c.json(await powers.agenda(check(schemas.limit, c.req.query('limit') ?? 50))));
  app.post('/time', async (c) => {
    const { action, ms } = check(schemas.time, await readJson(c.req.raw));
    await changeTime(powers, action, ms);
    return c.json(powers.state);
  });
  app.post('/ticks/:name', async (c) => c.json(await powers.tick(c.req.param('name'))));
  for (const name of ['crons', 'claiming'] as const)
    app.post(`/${name}`, async (c) => {
      powers[name] = check(schemas.flag, await readJson(c.req.raw)).on;
      await powers.changed();
      return c.json(powers.state);
    });
  app.get('/faults', (c) => c.json({ items: powers.faults.items }));
  app.post('/faults', async (c) => {
    const fault = check(schemas.fault, await readJson(c.req.raw));
    if (fault.kind === 'kill') await powers.kill();
    else powers.faults.set(fault);
    await powers.changed();
    return c.json({ items: powers.faults.items });
  });
  app.delete('/faults', async (c) => {
    powers.faults.clear();
    await powers.changed();
    return c.json({ items: [] });
  });
}

function mailRoutes(app: App, { mailbox }: Powers): void {
  app.get('/mailbox', (c) => c.json({ items: mailbox.items }));
  app.get('/mailbox/:id', (c) => c.json(mailbox.read(c.req.param('id'))));
  app.delete('/mailbox', (c) => {
    mailbox.clear();
    return c.json({ items: [] });
  });
}

function binRoutes(app: App, { bins }: Powers): void {
  app.get('/bins', (c) => c.json({ items: bins.items }));
  app.put('/bins/:name', async (c) => {
    const answer = check(schemas.bin, await readJson(c.req.raw));
    return c.json(bins.put(c.req.param('name'), answer));
  });
  app.get('/bins/:name/requests', (c) => c.json({ items: bins.requests(c.req.param('name')).items }));
  app.delete('/bins/:name/requests', (c) => {
    bins.requests(c.req.param('name')).clear();
    return c.json({ items: [] });
  });
  app.all('/bin/:name', (c) => bins.receive(c.req.param('name'), c.req.raw));
}

function stateRoutes(app: App, powers: Powers): void {
  const { requests } = powers;
  const withToken = (c: Call, token: string | null) => c.json({ ...powers.state, admin_token: token });
  app.get('/requests', (c) => c.json({ items: requests.items }));
  app.post('/requests/:id/replay', async (c) => {
    const bodyless = !c.req.header('transfer-encoding') && Number(c.req.header('content-length') ?? 0) === 0;
    const change = bodyless ? {} : check(schemas.replay, await readJson(c.req.raw));
    return c.json(await requests.replay(c.req.param('id'), change, powers.origin, c.env.next));
  });
  app.get('/export', () => exportState(powers));
  app.post('/import', async (c) => {
    const token = await importState(powers, root, c.req.raw.body as ReadableStream | null);
    await powers.changed();
    return withToken(c, token);
  });
  app.post('/reset', async (c) => {
    const token = await resetState(powers);
    await powers.changed();
    return withToken(c, token);
  });
}

function check<Value>(schema: Schema<Value>, value: unknown): Value {
  const checked = validate(schema, value);
  if ('value' in checked) return checked.value;
  throw new Problem('invalid_body', summaryOf(checked.errors), { errors: checked.errors });
}
