import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { parse } from 'yaml';
import { matcherOf } from '../../core/http/route.ts';
import { root } from './build.ts';
import { type HttpEvent, httpEvent, scheduledEvent } from './events.ts';
import { type Answer, readBody } from './system.ts';

const folder = join(root, 'dist/lambda');
const LONGEST_MS = 900_000;

interface Resource {
  Type: string;
  Properties: {
    Handler: string;
    Timeout?: number;
    Events: Record<string, { Type: string; Properties: { Method?: string; Path?: string } }>;
  };
}

const tag = (name: string) => ({ tag: `!${name}`, resolve: (text: string) => ({ [name]: text }) });
const listTag = (name: string) => ({ tag: `!${name}`, collection: 'seq' as const });

/** The SAM template that was built, as an object; its short forms are kept as they are written. */
export const template = parse(readFileSync(join(folder, 'template.yaml'), 'utf8'), {
  customTags: [...['Ref', 'GetAtt', 'Sub'].map(tag), ...['If', 'Not', 'Equals'].map(listTag)],
  logLevel: 'error',
}) as {
  Parameters: Record<string, { NoEcho?: boolean }>;
  Globals: { Function: { Environment: { Variables: Record<string, unknown> } } };
  Resources: Record<string, Resource>;
};

const functions = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::Serverless::Function');

/** Every route of the template: the handler it leads to, its method and its path; $default has neither. */
export const routes = functions.flatMap(({ Properties: { Handler, Events } }) =>
  Object.values(Events)
    .filter(({ Type }) => Type === 'HttpApi')
    .map(({ Properties: { Method, Path } }) => ({ handler: Handler, method: Method, path: Path })),
);

/** The route API Gateway would choose: a full match goes before a pattern, and $default comes last. */
function routeFor(method: string, path: string) {
  const fit = routes
    .filter((route) => route.method === method && route.path && matcherOf(route.path)(path))
    .sort((a, b) => Number(a.path?.includes('{')) - Number(b.path?.includes('{')));
  return fit[0] ?? routes.find((route) => !route.path);
}

/** What a handler returns to API Gateway. */
export interface Responded {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded?: boolean;
}

/** The built handlers, run by a stand-in for Lambda's runtime that has an environment of its own. */
export class Lambda {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #calls = 0;

  constructor(env: Record<string, string>) {
    this.#worker = new Worker(join(root, 'tests/support/lambda-runtime.mjs'), {
      env,
      workerData: { folder: pathToFileURL(folder).href },
      stdout: true,
      stderr: true,
    });
    this.#worker.on('message', ({ id, result, error }) => {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error !== undefined) call?.reject(new Error(error));
      else call?.resolve(result as never);
    });
  }

  /** Invokes a handler (`file.name`) with an event; what it returned. Rejects where it threw. */
  // biome-ignore lint/suspicious/noExplicitAny: a handler's result is what the test expects
  invoke(handler: string, event: unknown, timeoutMs = LONGEST_MS): Promise<any> {
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as never, reject });
      this.#worker.postMessage({ id, handler, event, timeoutMs });
    });
  }

  /** Runs a tick as its schedule would. */
  tick(name: string, source?: 'aws.events' | 'aws.scheduler'): Promise<Record<string, number>> {
    return this.invoke(`${name}.handler`, scheduledEvent(source));
  }

  /** Sends a request through the routes of the template, as API Gateway would; what the handler returned. */
  respond(request: HttpEvent): Promise<Responded> {
    const { pathname } = new URL(request.target, 'http://test');
    const route = routeFor(request.method, pathname);
    const pathParameters = route?.path?.includes('{') ? matcherOf(route.path)(pathname) : undefined;
    const event = httpEvent({
      ...request,
      routeKey: route?.path ? `${route.method} ${route.path}` : '$default',
      ...(pathParameters && { pathParameters }),
    });
    return this.invoke(route?.handler ?? '', event);
  }

  async request(request: HttpEvent): Promise<Answer> {
    const { statusCode, headers, body } = await this.respond(request);
    return { status: statusCode, headers: new Headers(headers), json: readBody(new Headers(headers), body) };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
