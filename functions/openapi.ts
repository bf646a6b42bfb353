import * as z from 'zod/mini';
import { endpoint } from '../core/http/endpoint.ts';
import { Problem } from '../core/http/problem.ts';

/** The document as JSON text, put here when the function is bundled: it is made of all functions, this one too. */
declare const OPENAPI_DOCUMENT: string | undefined;

const body: unknown = typeof OPENAPI_DOCUMENT === 'string' ? JSON.parse(OPENAPI_DOCUMENT) : undefined;

export default endpoint({
  name: 'openapi',
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document',
  access: 'anyone',
  responses: {
    200: {
      description: 'An OpenAPI 3.1 document',
      schema: z.record(z.string(), z.unknown()),
      example: { openapi: '3.1.0' },
    },
  },
  handle: async () => {
    if (!body) throw new Problem('internal', 'The document is part of the built function only.');
    return { status: 200, body };
  },
});
