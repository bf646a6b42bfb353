import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as it arrived. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

type Reply = (response: ServerResponse, request: Received) => void;

/** A real HTTP server that keeps what it is sent and answers what the test tells it, 200 at first. */
export class Receiver {
  readonly requests: Received[] = [];
  /** Connections that were made to it, requests or not. */
  connections = 0;
  reply: Reply = (response) => response.end('ok');
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const received = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
        this.requests.push(received);
        this.reply(response, received);
      });
    });
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
    });
  }

  static async start({ host = '127.0.0.1', port = 0 } = {}): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve, reject) => {
      receiver.#server.once('error', reject).listen(port, host, resolve);
    });
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Answers every request with this status and these headers. */
  answer(status: number, headers: Record<string, string> = {}, body = ''): void {
    this.reply = (response) => response.writeHead(status, headers).end(body);
  }

  close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
