import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqlite } from '../../emulator/sqlite.ts';
import { breaches } from '../support/invariants.ts';
import { blocksOf, readText, section } from '../support/markdown.ts';
import { freePort } from '../support/server.ts';
import { checkout, close, printed, type Terminal, type, typeAlong } from '../support/session.ts';

const readme = readText('README.md');
const [start = '', ...blocks] = blocksOf(section(readme, '## A first session'), 'sh');
const folder = checkout();
let server: Terminal;
let token: string;
let outputs: string[];

/** The output of the block that holds this text. */
const outputOf = (text: string): string => outputs[blocks.findIndex((block) => block.includes(text))] as string;
const answers = (text: string) =>
  outputOf(text)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  const [port, receiver] = [String(await freePort()), String(await freePort())];
  server = type(start, folder, { PORT: port });
  token = (await printed(server, /^admin token: (\S+)$/m))[1] as string;
  await printed(server, /listening/);
  // What a reader may have to change, too: two ports, and the token in its place.
  const typed = blocks.map((block) =>
    block
      .replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`)
      .replaceAll('8001', receiver)
      .replace('the-admin-token', token),
  );
  outputs = await typeAlong(typed, folder);
});
afterAll(async () => {
  await close(server);
  rmSync(folder, { recursive: true });
});

test("the README's start command prints the admin's token once, as a uuid on a line of its own", () => {
  expect(token).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(server.output.split(token)).toHaveLength(2);
});

test("the README's session finds the service in health", () => {
  expect(answers('/healthz')).toMatchObject([{ status: 'ok' }]);
});

test("the README's session schedules a sleep, a transform and a mail", () => {
  expect(answers('"ms": 200')).toMatchObject([{ task_type: 'sleep', status: 'pending' }]);
  expect(answers('"subject"')).toMatchObject([{ task_type: 'sendEmail', idempotency_key: 'greeting-1' }]);
});

test("the README's session sees the result, the newest two jobs, the log and the report", () => {
  const [job, list, logs, report] = answers('/v1/jobs/report');
  expect(job).toMatchObject({ task_type: 'transform', status: 'done', result: ['Ada'] });
  expect(list.items.map((item: { task_type: string }) => item.task_type)).toEqual(['sendEmail', 'transform']);
  expect(logs.items.map((item: { event: string }) => item.event)).toEqual(['done', 'claimed', 'scheduled']);
  expect(report.counts.done.transform).toBe(1);
  expect(Object.values(report.totals as Record<string, number>).reduce((a, b) => a + b)).toBe(3);
});

test("the README's failing webhook runs three times with one id and reaches the dead-letter queue", () => {
  const block = "end('out of order')";
  const job = answers(block).at(-1);
  expect(job).toMatchObject({ status: 'dlq', retries: 3, dlq_redrives: 0 });
  expect(job.error).toBe('The receiver answered 500: out of order');
  expect(
    outputOf(block)
      .split('\n')
      .filter((line) => line.startsWith('POST')),
  ).toEqual(Array(3).fill(`POST /hook ${job.id}`));
});

test("the README's redriven webhook is delivered once, and its log tells who redrove it and why", () => {
  const block = "end('thank you')";
  const [redriven, ...rest] = answers(block);
  const [done, logs] = rest.slice(-2);
  expect(redriven).toMatchObject({ status: 'pending', retries: 0 });
  expect(done).toMatchObject({
    id: redriven.id,
    status: 'done',
    result: { status: 200, body: 'thank you' },
    error: null,
  });
  expect(outputOf(block).match(/^POST .*$/gm)).toEqual([`POST /hook ${redriven.id}`]);
  expect(logs.items).toMatchObject([{ event: 'redriven', data: { reason: 'The receiver was mended' } }]);
});

test("the README's mail without a mail server is in the dead-letter queue, and only that", async () => {
  const db = openSqlite(`${folder}/data/jobs.db`, 'normal');
  const buried = db.prepare("SELECT task_type, error FROM jobs WHERE status = 'dlq'").all();
  const found = breaches(db);
  db.close();
  expect(buried).toEqual([{ task_type: 'sendEmail', error: expect.stringContaining('EMAIL_URL is not set') }]);
  expect(found).toEqual([]);
});

test("the README's new user sees an empty list", () => {
  expect(answers('"role": "user"')).toEqual([{ items: [], next_cursor: null }]);
});
