import net from 'node:net';
import type { Answer } from './system.ts';

/** What came back over a bare socket, and the final answers in it, in order. */
export interface WireReply {
  text: string;
  answers: Answer[];
  /** What the socket failed with, where it did. */
  error?: string | undefined;
}

export interface WireOptions {
  /** Whether our side of the connection ends after the last piece. */
  end?: boolean;
  /** How many answers to wait for. */
  answers?: number;
  /** Gives up after so long a silence. */
  quietMs?: number;
}

/** Sends bytes over a bare socket, one piece after another, and collects what comes back. */
export function overWire(
  url: string,
  pieces: (string | Uint8Array)[],
  { end = false, answers = 1, quietMs = 5000 }: WireOptions = {},
): Promise<WireReply> {
  return new Promise((resolve) => {
    let text = '';
    let failure: string | undefined;
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname, () => {
      for (const piece of pieces) socket.write(piece);
      if (end) socket.end();
    });
    const finish = () => {
      socket.destroy();
      resolve({ text, answers: parse(text), error: failure });
    };
    socket.setEncoding('latin1');
    socket.setTimeout(quietMs, finish);
    socket.on('data', (chunk) => {
      text += chunk;
      if (parse(text).length >= answers) finish();
    });
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      failure = code ?? message;
      finish();
    });
    socket.on('close', finish);
  });
}

/** A request as text, with a Host header and whatever header lines are given. */
export const requestText = (method: string, path: string, headerLines: string[] = [], body = ''): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: test', ...headerLines, '', body].join('\r\n');

/** The answers that are there as a whole; 100 Continue is none. */
function parse(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; ; ) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return answers;
    const [start = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(start.split(' ')[1]);
    const headers = new Headers(lines.map((line) => line.split(/: ?(.*)/).slice(0, 2) as [string, string]));
    const length = Number(headers.get('content-length') ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    if (body.length < length) return answers;
    if (status !== 100) answers.push({ status, headers, json: asJson(body) });
    rest = rest.slice(end + 4 + length);
  }
}

function asJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
