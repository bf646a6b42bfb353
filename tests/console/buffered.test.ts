import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiGateway } from '../support/api-gateway.ts';
import { browserPath, launch, Tab } from '../support/browser.ts';
import { Lambda } from '../support/lambda.ts';
import { LibsqlFile } from '../support/libsql.ts';
import { ADMIN } from '../support/system.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

// browser.test.ts fails where CI has no browser.
describe.skipIf(!browserPath)('Behind Lambda, which hands an answer on when it is whole', () => {
  let file: LibsqlFile;
  let lambda: Lambda;
  let gateway: ApiGateway;
  let browser: Browser;
  beforeAll(async () => {
    file = await LibsqlFile.migrated();
    lambda = new Lambda({ LIBSQL_URL: file.url, BOOTSTRAP_ADMIN_TOKEN: ADMIN, CLOCK: 'database', LOG_LEVEL: 'warn' });
    gateway = await ApiGateway.start();
    gateway.lambda = lambda;
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.close();
    await lambda?.close();
    await file?.close();
  });

  test('the page still sees within seconds what happens, each time with an answer that ends with it', async () => {
    const tab = await Tab.open(browser, gateway.url);
    const asked: string[] = [];
    tab.page.on('request', (request) => request.url().includes('/v1/live') && asked.push(request.url()));
    await tab.signIn();
    await tab.page.getByText('Live', { exact: true }).waitFor();
    const pending = tab.page.locator('[data-total=pending] b');
    await expect.poll(() => pending.textContent(), { timeout: 40_000 }).toBe('0');
    for (const n of [1, 2]) {
      const start = Date.now();
      const job = { task_type: 'sleep', payload: { ms: 0 }, delay_ms: 3_600_000 };
      const headers = { 'x-user-auth': ADMIN, 'content-type': 'application/json' };
      await fetch(`${gateway.url}/v1/jobs`, { method: 'POST', headers, body: JSON.stringify(job) });
      await expect.poll(() => pending.textContent(), { timeout: 40_000 }).toBe(String(n));
      // Well before the wait of an answer that nothing has ended.
      expect(Date.now() - start).toBeLessThan(15_000);
    }
    const [first = '', second = '', ...rest] = asked;
    expect(first).toContain('follow=true');
    expect(second).not.toMatch(/follow|after/);
    expect(rest.length).toBeGreaterThan(0);
    for (const url of rest) expect(url).toMatch(/after=.*wait=20$/);
    expect(tab.troubles).toEqual([]);
    await tab.close();
  });
});
