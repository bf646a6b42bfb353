import { type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Problem } from '../core/http/problem.ts';

/** The answer to a request that is HTTP, but whose target or Host header makes no URL. */
export const refuseTarget = (): Response =>
  new Problem('malformed_request', 'The path and the Host header make no URL.').toResponse();

/** Answers what Node itself refuses, before a function sees it, with a problem where Node would send a bare status. */
export function refuseWithProblems(server: Server): void {
  // Node answers 417 to an expectation it does not know; a server may as well not mind (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // An answer that has begun cannot be taken back.
    const begun = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent;
    if (!socket.writable || begun) return socket.destroy();
    void textOf(problemOf(error)).then((text) => socket.end(text));
  });
}

function problemOf({ code }: NodeJS.ErrnoException): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers_too_large', 'The path and the headers are too long.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Problem('request_timeout', 'The request took too long to arrive.');
  return new Problem('malformed_request', 'The request is not valid HTTP.');
}

async function textOf(problem: Problem): Promise<string> {
  const { status, headers } = problem.toResponse();
  const body = await problem.toResponse().text();
  const type = `content-type: ${headers.get('content-type')}`;
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, type, `content-length: ${Buffer.byteLength(body)}`];
  return [...lines, 'connection: close', '', body].join('\r\n');
}
