import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanUp, Server } from '../support/server.ts';

let server: Server;
beforeAll(async () => {
  server = await Server.start({ script: 'start:api', env: { RL_CAPACITY: '3', RL_WINDOW_MS: '3600000' } });
});
afterAll(async () => {
  await server.stop();
  await cleanUp();
});

const open = async () => {
  const response = await fetch(server.url);
  return { response, html: await response.text() };
};

test('the page is open to anyone, kept by nobody, and loads nothing from elsewhere', async () => {
  const { response, html } = await open();
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  expect(html).toMatch(/^<!doctype html>/);
  // One script, one style, both in the page.
  expect(html.match(/<script\b/g)).toHaveLength(1);
  expect(html.match(/<style\b/g)).toHaveLength(1);
  expect(html).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)="(?!data:,")/);
});

test('its policy lets run what bears a nonce, which is new each time, and nothing else', async () => {
  const nonces = new Set<string>();
  for (const { response, html } of [await open(), await open()]) {
    const policy = response.headers.get('content-security-policy') ?? '';
    const [, nonce = ''] = /script-src 'nonce-([A-Za-z0-9+/=]{20,})'/.exec(policy) ?? [];
    expect(html).toContain(`<script type="module" nonce="${nonce}">`);
    expect(html).toContain(`<style nonce="${nonce}">`);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    nonces.add(nonce);
  }
  expect(nonces.size).toBe(2);
});

test('strangers are limited here as everywhere', async () => {
  expect((await open()).response.status).toBe(429);
});
