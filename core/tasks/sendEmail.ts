import * as z from 'zod/mini';
import { PermanentError, task } from '../task.ts';

// One bare address: no list, no display name, so no way to add a recipient or a header.
const address = z.email().check(z.maxLength(254));
const line = z
  .string()
  .check(z.minLength(1), z.maxLength(998), z.regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'control characters are not allowed'));
const prose = z
  .string()
  .check(
    z.maxLength(200_000),
    z.regex(/^(?:\P{Cc}|[\t\n\r])*$/u, 'control characters but tab and line breaks are not allowed'),
  );

/** Sends a mail over SMTP. Its Message-ID is made of the job's id, so a receiver can tell a repetition. */
export default task({
  type: 'sendEmail',
  summary: 'Sends a mail through the server of EMAIL_URL.',
  payload: z.strictObject({
    to: address,
    subject: line,
    text: prose,
    html: z.optional(prose),
    cc: z.optional(address),
    bcc: z.optional(address),
    reply_to: z.optional(address),
  }),
  example: { to: 'ada@example.com', subject: 'Your report', text: 'It is ready.' },
  run: async (job, ctx) => {
    const { EMAIL_URL, EMAIL_FROM } = ctx.settings;
    if (!EMAIL_URL)
      throw new PermanentError(
        'EMAIL_URL is not set: this system has no mail server. Set it to smtp://… or smtps://… .',
      );
    const { sendOverSmtp } = await import('../smtp.ts');
    const { reply_to, ...mail } = job.payload;
    const message = {
      ...mail,
      from: EMAIL_FROM,
      ...(reply_to && { replyTo: reply_to }),
      messageId: `<${job.id}@${EMAIL_FROM.replace(/^.*@|>$/g, '')}>`,
      headers: { 'X-Escapement-Job': job.id },
    };
    return await sendOverSmtp(EMAIL_URL, message, ctx.signal);
  },
});
