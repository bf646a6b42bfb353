import { type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Logger, real } from '../core/context.ts';
import { Problem } from '../core/http/problem.ts';
import { newId } from '../core/ids.ts';

/** The answer to a request that is HTTP, but whose target or Host header makes no URL. */
export const refuseTarget = (log: Logger): Response =>
  refuse(log, new Problem('malformed_request', 'The path and the Host header make no URL.'));

/** The answer for a problem that no function has seen, with an id of its own, which the log has too. */
export function refuse(log: Logger, problem: Problem): Response {
  const requestId = newId(real);
  log('info', 'request refused', { request_id: requestId, status: problem.status, code: problem.code });
  return problem.toResponse(requestId);
}

/** Answers what Node itself refuses, before a function sees it, with a problem where Node would send a bare status. */
export function refuseWithProblems(server: Server, log: Logger): void {
  // Node answers 417 to an expectation it does not know; a server may as well not mind (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // An answer that has begun cannot be taken back.
    const begun = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent;
    if (!socket.writable || begun) return socket.destroy();
    void textOf(refuse(log, problemOf(error))).then((text) => socket.end(text));
  });
}

function problemOf({ code }: NodeJS.ErrnoException): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers_too_large', 'The path and the headers are too long.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Problem('request_timeout', 'The request took too long to arrive.');
  return new Problem('malformed_request', 'The request is not valid HTTP.');
}

async function textOf(response: Response): Promise<string> {
  const { status } = response;
  const body = await response.text();
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers];
  return [...lines, `content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', body].join('\r\n');
}
