import { type Json, valuesIn } from './document.ts';
import { type Answered, complaints } from './judge.ts';
import { spoilt } from './mutations.ts';
import { curlOf, encoded, escaped, misfitOf, type Sent } from './request.ts';
import type { RequestStep, Step } from './steps.ts';
import type { World } from './world.ts';

/** What was sent and answered, counted. */
export interface Tally {
  requests: number;
  invalid: number;
  sequences: number;
  ticks: number;
  answers: Record<string, number>;
  /** Whether time was up before enough was sent. */
  cut: boolean;
}

export const newTally = (): Tally => ({
  ...{ requests: 0, invalid: 0, sequences: 0, ticks: 0 },
  ...{ answers: {}, cut: false },
});

/** Plays a sequence in a world. Throws an Error that shows every request so far as a line for a shell. */
export async function play(world: World, steps: readonly Step[], tally: Tally, patience = 60_000): Promise<void> {
  const told: string[] = [];
  tally.sequences++;
  for (const step of steps) {
    if (step.kind === 'pass') await world.system.clock.advance(step.ms);
    else if (step.kind === 'tick') {
      tally.ticks++;
      told.push(`# a tick: ${step.name}`);
      await world.tick(step.name).catch((error) => {
        throw failure(told, undefined, [`the tick failed: ${error.message}`]);
      });
    } else {
      const sent = requestOf(world, step);
      told.push(curlOf(sent));
      const answer = await world.send(sent, patience).catch((error) => {
        throw failure(told, undefined, [`it was not answered: ${error.message}`]);
      });
      const wrong = [...complaints(sent, answer, step.mutations.length > 0), ...foreign(world, step, answer)];
      count(tally, sent, step, answer);
      if (wrong.length + world.failures.length > 0) throw failure(told, answer, [...wrong, ...world.failures]);
      if (answer.status < 300 && sent.method !== 'HEAD') remember(world, sent, answer);
    }
    if (world.failures.length > 0) throw failure(told, undefined, world.failures);
  }
  const broken = world.system.breaches();
  if (broken.length > 0) throw failure(told, undefined, broken);
}

function failure(told: string[], answer: Answered | undefined, wrong: string[]): Error {
  const last = answer && `answered ${answer.status} ${answer.text.slice(0, 600)}`;
  return new Error([...wrong, ...(last ? [last] : []), 'after', ...told.map((line) => `  ${line}`)].join('\n'));
}

/** A step as a request: parameters that name things get things that are there, most of the time. */
function requestOf(world: World, { operation, who, pick, parameters, body, mutations }: RequestStep): Sent {
  const token = world.tokens[who];
  let sent: Sent = {
    operation,
    method: operation.method,
    path: {},
    query: [],
    headers: {
      ...(token && { 'x-user-auth': token }),
      ...(operation.secret && { 'x-tick-secret': 'tick-secret' }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : encoded(body),
  };
  const hasKey = typeof body === 'object' && body !== null && 'idempotency_key' in body;
  for (const { name, in: place } of operation.parameters) {
    if (!(name in parameters)) continue;
    // The key may stand in the header or in the body, not differently in both.
    if (place === 'header' && hasKey) continue;
    // Whoever watches waits by the clock on the wall, which is not the test's: seldom, and for one second.
    const usual = name === 'wait' ? Number(pick % 64 === 0) : parameters[name];
    const value = String(existing(world, operation.path, name, pick) ?? usual);
    if (place === 'path') sent.path[name] = escaped(value);
    else if (place === 'query') sent.query.push([name, value]);
    else sent.headers[name.toLowerCase()] = value;
  }
  for (const one of mutations) sent = spoilt(sent, one);
  return sent;
}

function existing(world: World, path: string, name: string, pick: number): string | undefined {
  if (pick % 8 === 0) return undefined;
  const pools: Record<string, string[]> = {
    id: path.startsWith('/v1/users') ? world.users : world.jobs,
    job_id: world.jobs,
    owner_id: world.users,
    cursor: world.cursors,
    after: world.news,
  };
  const pool = pools[name] ?? [];
  return pool[pick % pool.length];
}

function remember(world: World, { operation }: Sent, answer: Answered): void {
  for (const json of bodies(answer)) {
    if (operation.id === 'scheduleJob') world.jobs.push(json.id);
    if (operation.id === 'scheduleJobs') world.jobs.push(json.items[0].id);
    if (operation.id === 'createUser') world.users.push(json.id);
    if (operation.id === 'live') world.news.push(json.cursor);
    if (json?.next_cursor) world.cursors.push(json.next_cursor);
  }
}

const bodies = ({ headers, text }: Answered): Json[] => valuesIn(headers.get('content-type') ?? '', text);

/** A user is shown nothing that belongs to another, and who has no valid token is shown nothing. */
function foreign(world: World, { who, operation, mutations }: RequestStep, answer: Answered): string[] {
  const own = world.ids[who];
  if (mutations.length > 0 || answer.status >= 300 || operation.open || operation.secret || who === 'admin') return [];
  if (own === undefined || who === 'disabled') return [`${who} is served`];
  return bodies(answer)
    .flatMap((json) => [json, ...(json.items ?? []), ...(json.dlqItems ?? []), ...(json.logs ?? [])])
    .filter((one) => 'owner_id' in one && one.owner_id !== own)
    .map((one) => `${who} is shown what ${one.owner_id} owns`);
}

function count(tally: Tally, sent: Sent, step: RequestStep, answer: Answered): void {
  tally.requests++;
  if (step.mutations.length > 0 && misfitOf(sent)) tally.invalid++;
  tally.answers[answer.status] = (tally.answers[answer.status] ?? 0) + 1;
}
