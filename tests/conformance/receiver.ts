import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook receiver that answers as it is told, and keeps what it was sent. */
export class Receiver {
  status = 200;
  headers: Record<string, string> = {};
  readonly hits: { method: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
  readonly #server: http.Server;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        this.hits.push({ method: request.method ?? '', headers: request.headers, body });
        response.writeHead(this.status, this.headers).end('thank you');
      });
    });
  }

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
