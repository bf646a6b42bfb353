import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Lambda } from './lambda.ts';

/** An HTTP API before Lambda handlers: it turns requests into events, and what the handlers return into responses. */
export class ApiGateway {
  /** Where requests go once there are handlers. */
  lambda: Lambda | undefined;
  readonly url: string;
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', async (request, response) => {
      const { method = '', url = '', rawHeaders } = request;
      const headers = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []));
      const body = await buffer(request);
      const sent = { method, target: url, headers: headers as [string, string][] };
      const answer = await this.lambda?.respond({ ...sent, ...(body.length > 0 && { body: body.toString() }) });
      // A client that hung up is not waited for, as by API Gateway.
      const encoding = answer?.isBase64Encoded ? 'base64' : 'utf8';
      response.writeHead(answer?.statusCode ?? 503, answer?.headers).end(Buffer.from(answer?.body ?? '', encoding));
    });
  }

  static async start(): Promise<ApiGateway> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ApiGateway(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
