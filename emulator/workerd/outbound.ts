import type { Request as WorkerRequest, Response as WorkerResponse } from 'miniflare';
import type { Fetcher } from '../../core/context.ts';
import { FAILED } from '../deploy/between.ts';

/** The guarded way out as a binding, which can only answer: what goes wrong is an answer, too. */
export const answering = (outbound: Fetcher, Answer: typeof WorkerResponse) => async (request: WorkerRequest) => {
  try {
    const answer = await outbound.fetch(request.url, await initOf(request));
    const headers = Object.fromEntries(answer.headers);
    // The body is decoded by now.
    for (const name of ['content-encoding', 'content-length', 'transfer-encoding', FAILED]) delete headers[name];
    return new Answer(answer.body as never, { status: answer.status, headers });
  } catch (error) {
    const { message, code, name } = ((error as Error).cause ?? error) as Error & { code?: string };
    return Answer.json({ message: message || code || name, code }, { headers: { [FAILED]: '1' } });
  }
};

async function initOf(request: WorkerRequest): Promise<RequestInit> {
  const headers = Object.fromEntries(request.headers);
  for (const name of ['connection', 'host', 'content-length', 'transfer-encoding']) delete headers[name];
  const body = request.body ? { body: Buffer.from(await request.arrayBuffer()) } : {};
  return { method: request.method, headers, redirect: 'manual', ...body };
}
