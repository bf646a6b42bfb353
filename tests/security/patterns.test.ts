import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { networkOf } from '../../core/access/stranger.ts';
import { decodeCursor } from '../../core/http/cursor.ts';
import { findIllFormed } from '../../core/http/json.ts';
import { jobRequest, userRequest } from '../../core/schemas.ts';
import { settingsTable } from '../../core/settings.ts';
import { tasks } from '../../core/tasks/index.ts';
import { System } from '../support/system.ts';

// A pattern that tries its input in ever more ways would take years over these texts, and the test would never end.

const MEGABYTE = 1_000_000;
/** Texts that begin well and fail at their end, built of the characters that the patterns here repeat. */
const hostile: [string, string][] = [
  ...['a', ' ', '.', '-', '@', '1', ':', '/', '%', '\t', '\n', '\ud83d\ude00', 'é', '+', "'", '_', '0'],
  ...['a.', 'a@', '.a', 'a-', '1.', ':1', '@a.', 'a. ', '=?utf-8?q?', '\r\n ', '<a>', '<<', 'aé'],
].flatMap((part): [string, string][] => {
  const run = part.repeat(MEGABYTE / part.length);
  return [
    [JSON.stringify(part), run],
    [`${JSON.stringify(part)} and an end that fits nothing`, `${run}\u0001!`],
    [`${JSON.stringify(part)} after what fits`, `ada@example.com ${run}\u0000`],
    [`${JSON.stringify(part)} as a domain`, `a@${run}!`],
    [`${JSON.stringify(part)} as a URL`, `http://${run}!`],
    [`${JSON.stringify(part)} after a time`, `2026-11-24T10:00:00.${run}`],
  ];
});

const payloadFields: [string, (text: string) => object][] = [
  ['sendEmail', (text) => ({ to: text, subject: text, text, html: text, cc: text, bcc: text, reply_to: text })],
  ['webhook', (text) => ({ url: text, method: text, headers: { [text]: text, a: text }, body: text })],
  ['transform', (text) => ({ input: text, expression: text.slice(0, 4096) })],
];

test.each(hostile)('%s, a million characters of it, is judged by every schema', (_, text) => {
  for (const [type, payloadOf] of payloadFields) {
    const task = tasks.find((one) => one.type === type);
    z.safeParse(task?.payload as z.core.$ZodType, payloadOf(text));
  }
  const job = { task_type: text, payload: {}, run_at: text, idempotency_key: text };
  expect(z.safeParse(jobRequest, job).success).toBe(false);
  expect(z.safeParse(userRequest, { name: text, role: text }).success).toBe(false);
  findIllFormed({ [text]: text }, '', 48);
  expect(networkOf(text)).toBeUndefined();
  expect(() => decodeCursor('scope', text)).toThrow('cursor');
});

test.each(hostile.filter(([name]) => !name.includes('and') && !name.includes('as')))(
  'a setting that is a million times %s is read or refused',
  (_, text) => {
    for (const setting of Object.values(settingsTable)) setting.read(text);
  },
);

test.each(['sendEmail', 'webhook'])('%s takes the longest text it allows', (type) => {
  const payload =
    type === 'sendEmail'
      ? { to: 'a@example.com', subject: 'é'.repeat(998), text: 'ü\n'.repeat(100_000), html: '\t'.repeat(200_000) }
      : {
          url: `https://example.com/${'x'.repeat(2000)}`,
          headers: { a: '\t'.repeat(4096) },
          body: 'x'.repeat(MEGABYTE),
        };
  const task = tasks.find((one) => one.type === type);
  expect(z.safeParse(task?.payload as z.core.$ZodType, payload)).toMatchObject({ success: true });
});

let system: System;
beforeAll(() => {
  system = new System();
});
afterAll(() => system.close());

test('headers as long as a server lets them be are read or refused', async () => {
  for (const part of ['a', ' ', ',', '1.', ':', ';', '\t', 'application/json ']) {
    const long = `application/json${part.repeat(16_000 / part.length)}!`;
    for (const name of ['content-type', 'x-user-auth', 'idempotency-key', 'x-forwarded-for', 'content-length']) {
      const job = { task_type: 'sleep', payload: { ms: 0 } };
      const answer = await system.call('POST', '/v1/jobs', job, { headers: { [name]: long } });
      expect([name, part, answer.status >= 500]).toEqual([name, part, false]);
    }
  }
});
