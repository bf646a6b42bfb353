import type { AddressInfo } from 'node:net';
import type { Logger } from '../../core/context.ts';
import { toTimestamp } from '../../core/context.ts';
import { Problem } from '../../core/http/problem.ts';
import { Ring } from './ring.ts';

/** A mail that sendEmail has sent. */
interface Mail {
  at: string;
  from: string;
  to: string[];
  subject: string;
  text: string;
  html: string | null;
  headers: Record<string, string>;
}

const MAX_MAILS = 200;
const MAX_MAIL_BYTES = 2_000_000;

/** A mail server on a port of this machine, which keeps what it is given. */
export class Mailbox {
  readonly #mails = new Ring<Mail>(MAX_MAILS);
  readonly #now: () => number;
  #close: () => void = () => {};
  /** What EMAIL_URL is to be; undefined where there is no mail server. */
  url: string | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Starts the server; where its packages are not installed, says so and goes without. */
  async open(log: Logger): Promise<void> {
    const needed = await packages();
    if (!needed) {
      log('warn', 'The mailbox needs the packages smtp-server and mailparser, which npm ci --omit=dev leaves out.');
      return;
    }
    const { SMTPServer, simpleParser } = needed;
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      size: MAX_MAIL_BYTES,
      onData: (stream, { envelope }, done) => {
        simpleParser(stream).then(
          (mail) => {
            const from = envelope.mailFrom ? envelope.mailFrom.address : '';
            const headers = Object.fromEntries(mail.headerLines.map(({ key, line }) => [key, contentOf(line)]));
            this.#mails.add({
              at: toTimestamp(this.#now()),
              from,
              to: envelope.rcptTo.map(({ address }) => address),
              subject: mail.subject ?? '',
              text: mail.text ?? '',
              html: mail.html || null,
              headers,
            });
            done();
          },
          (error) => done(error),
        );
      },
    });
    server.on('error', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.url = `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
    this.#close = () => server.close();
  }

  get items() {
    return this.#mails.items.map(({ id, at, from, to, subject }) => ({ id, at, from, to, subject }));
  }

  read(id: string): Mail & { id: string } {
    const mail = this.#mails.find(id);
    if (!mail) throw new Problem('not_found', 'There is no mail with this id.');
    return mail;
  }

  clear(): void {
    this.#mails.clear();
  }

  close(): void {
    this.#close();
  }
}

const contentOf = (line: string): string => line.slice(line.indexOf(':') + 1).trim();

/** They are for development, so only development installs them. */
async function packages() {
  try {
    const [{ SMTPServer }, { simpleParser }] = await Promise.all([import('smtp-server'), import('mailparser')]);
    return { SMTPServer, simpleParser };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}
