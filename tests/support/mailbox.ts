import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as it arrived: who the envelope names, and what the mail itself says. */
export interface Delivery {
  from: string;
  to: string[];
  mail: ParsedMail;
}

/** What the server says instead of accepting; a code of 4xx or 5xx. */
export class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, message: string) {
    super(message);
    this.responseCode = responseCode;
  }
}

/** A real SMTP server that keeps what it is sent, the refused mails too. */
export class Mailbox {
  readonly deliveries: Delivery[] = [];
  connections = 0;
  /** Throws a Refusal for a recipient who is not here. */
  judgeRecipient: (address: string) => void = () => {};
  /** Throws a Refusal for a mail that is not taken. */
  judgeMail: () => void = () => {};
  readonly #server: SMTPServer;

  private constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: options.secure ? [] : ['STARTTLS'],
      ...options,
      onConnect: (_, callback) => {
        this.connections += 1;
        callback();
      },
      onRcptTo: ({ address }, _, callback) => callback(refusalOf(() => this.judgeRecipient(address))),
      onData: (stream, { envelope }, callback) => {
        void simpleParser(stream).then((mail) => {
          const from = envelope.mailFrom ? envelope.mailFrom.address : '';
          this.deliveries.push({ from, to: envelope.rcptTo.map(({ address }) => address), mail });
          callback(refusalOf(() => this.judgeMail()));
        });
      },
    });
    // A client that breaks off is no fault of the test's.
    this.#server.on('error', () => {});
  }

  static async start(options: SMTPServerOptions = {}): Promise<Mailbox> {
    const mailbox = new Mailbox(options);
    await new Promise<void>((resolve) => mailbox.#server.listen(0, '127.0.0.1', resolve));
    return mailbox;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function refusalOf(judge: () => void): Refusal | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    return error as Refusal;
  }
}
