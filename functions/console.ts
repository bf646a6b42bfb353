import * as z from 'zod/mini';
import type { Context } from '../core/context.ts';
import { endpoint } from '../core/http/endpoint.ts';

/** What console/ was bundled to, put here when this function is: see emulator/console.ts. */
declare const CONSOLE_SCRIPT: string | undefined;
declare const CONSOLE_STYLE: string | undefined;

const page = (nonce: string, style: string, script: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Escapement</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${style}</style>
</head>
<body>
<div id="app"><noscript>The console needs JavaScript. Everything it shows is in the HTTP API, too.</noscript></div>
<script type="module" nonce="${nonce}">${script}</script>
</body>
</html>
`;

/** Nothing runs but this page's own script, nothing is loaded, and text never becomes markup (trusted-types). */
const policy = (nonce: string): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

const newNonce = (ctx: Context): string => btoa(String.fromCharCode(...ctx.bytes(18)));

export default endpoint({
  name: 'console',
  method: 'GET',
  path: '/',
  summary: 'The console, a page for people',
  access: 'anyone',
  responses: {
    200: { description: 'A page', media: 'text/html; charset=utf-8', schema: z.string(), example: '<!doctype html>' },
  },
  handle: async (_, ctx) => {
    // Where the function was not built, the page is empty.
    const script = typeof CONSOLE_SCRIPT === 'string' ? CONSOLE_SCRIPT : '';
    const style = typeof CONSOLE_STYLE === 'string' ? CONSOLE_STYLE : '';
    const nonce = newNonce(ctx);
    const headers = {
      'content-security-policy': policy(nonce),
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    };
    return { status: 200, body: page(nonce, style, script), headers };
  },
});
