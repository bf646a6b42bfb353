import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { browserPath, launch, Tab } from '../support/browser.ts';
import { cleanUp, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

// browser.test.ts fails where CI has no browser.
describe.skipIf(!browserPath)('The emulator’s page in a browser', () => {
  let server: Server;
  let browser: Browser;
  let tab: Tab;
  beforeAll(async () => {
    server = await Server.start({ script: 'dev', env: { EMAIL_URL: undefined } });
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await cleanUp();
  });
  afterEach(async () => {
    await tab.close();
    expect(tab.troubles).toEqual([]);
  });

  const opened = async () => {
    tab = await Tab.open(browser, server.url);
    await tab.signIn(ADMIN);
    await tab.page.getByRole('link', { name: 'Emulator', exact: true }).click();
    await tab.page.getByRole('heading', { name: 'Agenda' }).waitFor();
    return tab.page;
  };
  const state = async () => (await server.call('GET', '/__emulator/state')).json;

  test('time is frozen, and moved on to what comes next', async () => {
    const { id } = await server.schedule('sleep', { ms: 0 }, { delay_ms: 7_200_000 });
    const page = await opened();
    await page.getByRole('button', { name: 'Freeze' }).click();
    await page.getByText('frozen', { exact: true }).waitFor();
    const stood = await page.locator('.clock').textContent();
    await page.waitForTimeout(1500);
    expect(await page.locator('.clock').textContent()).toBe(stood);
    expect((await server.call('GET', `/v1/jobs/${id}`)).json.status).toBe('pending');
    // On the other pages, too, one is told why nothing moves.
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await page.getByRole('link', { name: 'Emulator: the clock stands' }).click();
    await page.getByRole('button', { name: 'To the next event' }).click();
    await server.until(id, ['done'], 60_000);
    await expect.poll(() => page.locator('.clock').textContent(), { timeout: 40_000 }).not.toBe(stood);
    await page.getByRole('button', { name: 'Let it run' }).click();
    await expect.poll(async () => (await state()).frozen, { timeout: 40_000 }).toBe(false);
  });

  test('a mail and a webhook are found where they went, and a request is sent again', async () => {
    const page = await opened();
    await page.getByLabel('Name').fill('orders');
    await page.getByLabel('Retry-After').fill('3600');
    await page.locator('form').filter({ hasText: 'answers' }).getByRole('button', { name: 'Set' }).click();
    await page.getByText('answers 200, Retry-After 3600 s').waitFor();
    const mail = { to: 'ada@example.com', subject: 'Your <b>report</b>', text: 'It is ready.' };
    await server.schedule('sendEmail', mail);
    await server.schedule('webhook', { url: `${server.url}/__emulator/bin/orders`, body: { order: 1 } });
    await page.getByRole('button', { name: 'Your <b>report</b>' }).click();
    await page.locator('dialog .json').filter({ hasText: 'It is ready.' }).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: '1 received' }).click();
    await page.locator('dialog summary').filter({ hasText: 'POST' }).click();
    await page.locator('dialog .json').filter({ hasText: 'order' }).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    // Mended without typing it all again, and used without copying its address.
    await page.getByRole('button', { name: 'Change' }).click();
    expect(await page.locator('input[name=bin]').inputValue()).toBe('orders');
    expect(await page.getByLabel('Retry-After').inputValue()).toBe('3600');
    await page.getByRole('link', { name: 'Schedule a webhook to it' }).click();
    await expect
      .poll(() => page.locator('input[name=url]').inputValue(), { timeout: 40_000 })
      .toBe(`${server.url}/__emulator/bin/orders`);
    await page.getByRole('link', { name: 'Emulator', exact: true }).click();
    const before = (await server.call('GET', '/v1/jobs?task_type=webhook')).json.items.length;
    await page.getByRole('button', { name: 'POST /v1/jobs' }).first().click();
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByLabel('The answer').filter({ hasText: '201' }).waitFor();
    expect((await server.call('GET', '/v1/jobs?task_type=webhook')).json.items).toHaveLength(before + 1);
  });

  test('one arrives at the top of a page, and with the keyboard in it', async () => {
    const page = await opened();
    const { id } = await server.schedule('sleep', { ms: 0 }, { delay_ms: 3_600_000 });
    await page.getByRole('link', { name: `…${id.slice(-8)}` }).click();
    await page.locator('.why').waitFor();
    expect(await page.evaluate(() => [document.activeElement?.id, scrollY, document.title])).toEqual([
      'main',
      0,
      `Job …${id.slice(-8)} · Jobs · Escapement`,
    ]);
    await server.call('POST', `/v1/jobs/${id}/cancel`);
    // On a phone as well, the tab of the page that is shown is in view, and nothing is wider than the screen.
    await page.setViewportSize({ width: 340, height: 740 });
    await tab.go('#/emulator');
    await page.getByRole('heading', { name: 'Agenda' }).waitFor();
    const room = () =>
      page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        const { right } = (document.querySelector('nav [aria-current]') as Element).getBoundingClientRect();
        return { wide: scrollWidth - clientWidth, tab: right <= clientWidth + 1 };
      });
    await expect.poll(room, { timeout: 40_000 }).toEqual({ wide: 0, tab: true });
  });

  test('crons and claiming are switched, ticks are run by hand, faults are set and cleared', async () => {
    const page = await opened();
    await page.getByLabel('Crons run by themselves').uncheck();
    await page.getByLabel('Workers claim jobs').uncheck();
    await expect
      .poll(async () => [(await state()).crons, (await state()).claiming], { timeout: 40_000 })
      .toEqual([false, false]);
    await page.getByLabel('Workers claim jobs').check();
    await page.getByRole('button', { name: 'Run coordinate' }).click();
    await page.locator('[role=status]').filter({ hasText: 'coordinate:' }).waitFor();
    await page.getByLabel('Crons run by themselves').check();
    await page.locator('form').filter({ hasText: 'Fail the next' }).getByRole('button', { name: 'Set' }).click();
    await page.getByText('the next 1 runs of sleep fail').waitFor();
    await page.getByRole('button', { name: 'All off' }).click();
    await page.getByText('the next 1 runs of sleep fail').waitFor({ state: 'detached' });
    expect((await server.call('GET', '/__emulator/faults')).json.items).toEqual([]);
  });
});
