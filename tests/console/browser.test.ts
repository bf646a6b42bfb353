import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { browserPath, launch, noBrowser, Tab } from '../support/browser.ts';
import { Receiver } from '../support/receiver.ts';
import { cleanUp, Server } from '../support/server.ts';
import { ADMIN } from '../support/system.ts';

// A browser that shares its machine with much else takes its time.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

test('there is a browser to look with', (context) => {
  if (!browserPath && !process.env.CI) context.skip(noBrowser);
  expect(browserPath, noBrowser).toBeDefined();
});

describe.skipIf(!browserPath)('In a browser', () => {
  let server: Server;
  let receiver: Receiver;
  let browser: Browser;
  let tab: Tab;
  beforeAll(async () => {
    receiver = await Receiver.start();
    server = await Server.start({
      env: {
        MAX_DLQ_REDRIVES: '0',
        BACKOFF_BASE_MS: '50',
        BACKOFF_MAX_MS: '100',
        RL_CAPACITY: '60',
        RL_WINDOW_MS: '6000',
      },
    });
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await receiver?.close();
    await cleanUp();
  });
  afterEach(async () => {
    const { troubles } = tab;
    await tab.close();
    expect(troubles).toEqual([]);
  });

  const opened = async (options = {}, token = ADMIN) => {
    tab = await Tab.open(browser, server.url, options);
    await tab.signIn(token);
    return tab.page;
  };

  test('one signs in with a token, which stands in no address, and out again', async () => {
    tab = await Tab.open(browser, server.url);
    const { page } = tab;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.getByLabel('Your token').fill('wrong-token');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'no enabled user with this token' }).waitFor();
    await tab.signIn();
    await page.getByText('Live', { exact: true }).waitFor();
    // The tab remembers it, and forgets it.
    await page.reload();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Your token').waitFor();
    await page.reload();
    await page.getByLabel('Your token').waitFor();
    expect(asked.length).toBeGreaterThan(3);
    expect(asked.filter((url) => url.includes(ADMIN))).toEqual([]);
    expect(await page.evaluate(() => [JSON.stringify(localStorage), JSON.stringify(sessionStorage)])).toEqual([
      '{}',
      '{}',
    ]);
  });

  test('a job is scheduled with a form made from its schema, and is seen pending, running and done', async () => {
    const page = await opened();
    await page.getByRole('link', { name: 'Schedule a job' }).click();
    await page.getByRole('radio', { name: 'sleep' }).check();
    await page.locator('input[name=ms]').fill('1500');
    await page.getByLabel('Delay, ms').fill('2500');
    await page.getByRole('button', { name: 'Schedule', exact: true }).click();
    const badge = page.locator('h1 [data-status]');
    await page
      .locator('.why')
      .filter({ hasText: /It is due in/ })
      .waitFor();
    // The page itself tells what it has shown: asking it again and again would keep it, and the machine, busy.
    const seen = await badge.evaluateHandle((element) => {
      const statuses = [element.getAttribute('data-status')];
      const look = () => {
        const status = document.querySelector('h1 [data-status]')?.getAttribute('data-status') ?? null;
        if (statuses.at(-1) !== status) statuses.push(status);
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
      return statuses;
    });
    await page.locator('h1 [data-status=done]').waitFor();
    expect(await seen.jsonValue()).toEqual(['pending', 'running', 'done']);
    await page.locator('.json').filter({ hasText: '"slept_ms": 1500' }).waitFor();
    expect(
      await page
        .locator('.timeline [data-event]')
        .evaluateAll((steps) => steps.map((step) => (step as HTMLElement).dataset.event)),
    ).toEqual([...['scheduled', 'claimed', 'done']]);
  });

  test('the overview counts as it happens, without being loaded again', async () => {
    const page = await opened();
    const pending = page.locator('[data-total=pending] b');
    const before = Number(await pending.textContent());
    const { id } = await server.schedule('sleep', { ms: 0 }, { delay_ms: 3_600_000 });
    await expect.poll(async () => Number(await pending.textContent()), { timeout: 40_000 }).toBe(before + 1);
    await page.locator('.logs').getByText('scheduled').first().waitFor();
    await server.call('POST', `/v1/jobs/${id}/cancel`);
    await expect.poll(async () => Number(await pending.textContent()), { timeout: 40_000 }).toBe(before);
  });

  test('a failing webhook reaches the dead-letter queue, says why, and is redriven with a reason', async () => {
    receiver.answer(410);
    const page = await opened();
    await tab.go('#/schedule');
    await page.getByRole('radio', { name: 'webhook' }).check();
    await page.locator('input[name=url]').fill(receiver.url);
    await page.getByRole('button', { name: 'Schedule', exact: true }).click();
    await page
      .locator('.why')
      .filter({ hasText: 'In the dead-letter queue since' })
      .filter({ hasText: '410' })
      .waitFor();
    receiver.answer(200);
    await page.getByRole('button', { name: 'Redrive…' }).click();
    // Without a reason it goes nowhere.
    await page.getByRole('button', { name: 'Redrive', exact: true }).click();
    expect(await page.locator('h1 [data-status]').getAttribute('data-status')).toBe('dlq');
    await page.getByLabel('Reason').fill('The receiver was mended');
    await page.getByRole('button', { name: 'Redrive', exact: true }).click();
    await page.locator('h1 [data-status=done]').waitFor();
    await page.locator('.timeline').getByText('The receiver was mended').waitFor();
  });

  test('many are redriven only after a dry run that changed nothing', async () => {
    for (let i = 0; i < 3; i++) await server.schedule('transform', { input: 'text', expression: 'abs(@)' });
    const buried = async () => (await server.call('GET', '/v1/jobs/report')).json.totals.dlq;
    await expect.poll(buried, { timeout: 40_000 }).toBe(3);
    const page = await opened();
    await tab.go('#/jobs?status=dlq');
    await page.getByRole('button', { name: 'Redrive many…' }).click();
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.getByText('3 jobs fit').waitFor();
    expect(await buried()).toBe(3);
    await page.getByLabel('Reason').fill('A rehearsal');
    await page.getByRole('button', { name: 'Redrive 3' }).click();
    await page.getByText('3 jobs are pending again.').waitFor();
    const { json } = await server.call('GET', '/v1/logs?event=redriven&limit=3');
    expect(json.items.map(({ data }: { data: { reason: string } }) => data.reason)).toEqual(
      Array(3).fill('A rehearsal'),
    );
  });

  test('whatever a job or a user is called stays text', async () => {
    const evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>"\'><svg onload=alert(3)>{{7*7}}';
    const user = (await server.call('POST', '/v1/users', { name: evil, role: 'user' })).json;
    const options = { idempotency_key: evil };
    const done = await server.schedule('transform', { input: { [evil]: evil }, expression: '@' }, options);
    receiver.answer(410, {}, evil);
    const failed = await server.schedule('webhook', { url: receiver.url });
    await server.until(done.id, ['done']);
    await server.until(failed.id, ['dlq']);
    await server.call('POST', `/v1/jobs/${failed.id}/redrive`, { reason: evil });
    await server.until(failed.id, ['dlq']);
    const page = await opened();
    const evils = () => page.locator('img, #app script, #app svg[onload], #app [onerror]').count();
    for (const [hash, where] of [
      ['#/jobs', '.error-text'],
      ['#/jobs', '.key-text'],
      [`#/jobs/${done.id}`, '.json'],
      [`#/jobs/${failed.id}`, '.why'],
      [`#/jobs/${failed.id}`, '.timeline'],
      ['#/logs', '.logs'],
      ['#/users', '.users'],
    ] as const) {
      await tab.go(hash);
      await page.locator(where).filter({ hasText: 'onerror=' }).first().waitFor();
      expect(await evils()).toBe(0);
    }
    await tab.go(`#/jobs/${encodeURIComponent('"><img src=x onerror=alert(1)>')}`);
    await page.getByText('There is no job with this id.').waitFor();
    expect(await evils()).toBe(0);
    await server.call('POST', `/v1/users/${user.id}/disable`);
  });

  test('an admin makes a user, sees its token once, and disables it; a user sees its own alone', async () => {
    const page = await opened();
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByRole('button', { name: 'Create a user…' }).click();
    await page.getByLabel('Name').fill('grace');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    const token = (await page.locator('.token code').textContent()) ?? '';
    expect(token).toMatch(/^[\da-f-]{36}$/);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    expect(await page.content()).not.toContain(token);
    await tab.close();

    const hers = await opened({}, token);
    await hers.getByText('There are no jobs yet.').waitFor();
    // Plots show what others do as well.
    await hers.getByText('You see your own jobs.').waitFor();
    expect(await hers.locator('.plots').count()).toBe(0);
    expect(await hers.getByRole('link', { name: 'Users' }).count()).toBe(0);
    await tab.close();

    const again = await opened();
    await tab.go('#/users');
    const row = again.locator('tr', { hasText: 'grace' });
    await row.getByRole('button', { name: 'Disable…' }).click();
    await again.getByRole('button', { name: 'Keep as it is' }).click();
    await row.getByText('enabled').waitFor();
    await row.getByRole('button', { name: 'Disable…' }).click();
    await again.getByRole('button', { name: 'Disable', exact: true }).click();
    await row.getByText('disabled').waitFor();
    expect((await server.call('GET', '/v1/jobs', undefined, { token })).status).toBe(401);
  });

  test('by keyboard alone one schedules a job and cancels it', async () => {
    const page = await opened();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    /** Presses Tab until what has the focus says this. */
    const tabTo = async (words: RegExp) => {
      for (let i = 0; i < 60; i++) {
        const focused = await page.evaluate(() => {
          const { activeElement: at } = document;
          return `${at?.textContent || at?.getAttribute('name') || ''} ${at?.getAttribute('value') ?? ''}`;
        });
        if (words.test(focused)) return;
        await press('Tab');
      }
      throw new Error(`Tab never came to ${words}.`);
    };
    await tabTo(/^Schedule a job/);
    await press('Enter');
    await page.getByRole('radio', { name: 'sleep' }).waitFor();
    await tabTo(/^ms/);
    await page.keyboard.type('00');
    await tabTo(/^delay_ms/);
    await page.keyboard.type('3600000');
    await press('Enter');
    await page.locator('h1 [data-status=pending]').waitFor();
    await tabTo(/^Cancel…/);
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    // Escape leaves it as it is, and gives the focus back.
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await tabTo(/^Cancel…/);
    await press('Enter');
    await tabTo(/^Cancel the job/);
    await press('Enter');
    await page.locator('h1 [data-status=cancelled]').waitFor();
  });

  test('jobs are filtered and searched, and a filter is in the address', async () => {
    const { id } = await server.schedule('sleep', { ms: 0 }, { delay_ms: 3_600_000, idempotency_key: 'a needle' });
    const page = await opened();
    await tab.go('#/jobs');
    await page.getByLabel('Id or idempotency key').fill('a needle');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('[data-job]').count(), { timeout: 40_000 }).toBe(1);
    expect(await page.locator('[data-job]').getAttribute('data-job')).toBe(id);
    expect(new URL(page.url()).hash).toContain('q=a+needle');
    await page.getByLabel('Status').selectOption('done');
    await page.getByText('No job fits these filters.').waitFor();
    await server.call('POST', `/v1/jobs/${id}/cancel`);
  });

  test('at the width of a phone no page is wider than the screen', async () => {
    const page = await opened({ viewport: { width: 360, height: 740 } });
    const { json } = await server.call('GET', '/v1/jobs?limit=1');
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    for (const hash of ['#/', '#/jobs', `#/jobs/${json.items[0].id}`, '#/schedule', '#/logs', '#/users', '#/nothing']) {
      await tab.go(hash);
      await page.locator('h1, .empty').first().waitFor();
      // What it loads: it watches all the while, so the network is never idle.
      await page.waitForTimeout(300);
      expect({ hash, wide: await wide() }).toEqual({ hash, wide: 0 });
    }
  });

  test('within the default rate limit a busy system can be watched, and acted on', async () => {
    const own = await Server.start({ env: { RL_CAPACITY: '60', RL_WINDOW_MS: '60000', TICK_SECRET: 'tick-secret' } });
    const maker = (await own.call('POST', '/v1/users', { name: 'maker', role: 'user' })).json.token;
    tab = await Tab.open(browser, own.url);
    const statuses: number[] = [];
    tab.page.on('response', (response) => statuses.push(response.status()));
    await tab.signIn();
    await tab.go('#/jobs');
    for (let i = 0; i < 24; i++) {
      await own.call('POST', '/v1/jobs', { task_type: 'sleep', payload: { ms: 50 } }, { token: maker });
      await tab.page.waitForTimeout(150);
    }
    await tab.page.locator('[data-job] [data-status=done]').first().waitFor();
    expect(statuses).not.toContain(429);
    await own.stop();
  });
});
