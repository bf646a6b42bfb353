import Mailer from 'nodemailer/lib/mailer';
import SmtpTransport from 'nodemailer/lib/smtp-transport';
import { PermanentError } from './task.ts';

/** A mail whose fields were checked when its job was scheduled. */
export interface Mail {
  from: string;
  to: string;
  subject: string;
  text: string;
  messageId: string;
  headers: Record<string, string>;
  html?: string | undefined;
  cc?: string | undefined;
  bcc?: string | undefined;
  replyTo?: string | undefined;
}

/**
 * Hands a mail to the server at `url`; its answer, cut at 500 characters. Throws a PermanentError for a 5xx reply,
 * which a server gives to what it will never take (RFC 5321, 4.2.1), and a plain Error for what may be over soon.
 */
export async function sendOverSmtp(url: string, mail: Mail, signal: AbortSignal): Promise<unknown> {
  const limits = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };
  const transport = new SmtpTransport({ url, ...limits, disableFileAccess: true, disableUrlAccess: true });
  const mailer = new Mailer(transport, {}, {});
  try {
    const { messageId, accepted, rejected, response } = await mailer.sendMail({ ...mail, signal });
    return { message_id: messageId, accepted, rejected, response: withoutLogin(url, String(response)).slice(0, 500) };
  } catch (error) {
    const { message: said, responseCode } = error as Error & { responseCode?: number };
    const message = withoutLogin(url, said);
    if (responseCode !== undefined && responseCode >= 500)
      throw new PermanentError(`The mail server refused the mail: ${message}`);
    throw new Error(`The mail could not be sent: ${message}`);
  } finally {
    mailer.close();
  }
}

/** A server may repeat what it was told, the login as well: as it is, or as the protocol writes it (RFC 4616, LOGIN). */
function withoutLogin(url: string, text: string): string {
  const [, login = ''] = /^\w+:\/\/([^/]*)@/.exec(url) ?? [];
  const [user = '', password = ''] = login.split(/:(.*)/s).map(decoded);
  const secrets = [login, `\0${user}\0${password}`, password, user].flatMap((secret) => [secret, base64(secret)]);
  return secrets.reduce((rest, secret) => (secret.length < 3 ? rest : rest.replaceAll(secret, '***')), text);
}

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
