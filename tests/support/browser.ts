import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { ADMIN } from './system.ts';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium'];

/** The system's browser: CHROMIUM, or where distributions put it; undefined where there is none. */
export const browserPath: string | undefined = [process.env.CHROMIUM ?? '', ...places].find((path) => existsSync(path));

/** Why the tests in a browser are left out here; CI installs one, and fails without. */
export const noBrowser = 'no Chromium was found: install it (apt-get install chromium), or say where it is in CHROMIUM';

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath as string,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
}

/** A fresh tab of the console, and what went wrong in it: violations of its policy, errors of its script, dialogs. */
export class Tab {
  readonly page: Page;
  readonly troubles: string[] = [];
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.setDefaultTimeout(40_000);
    page.on('pageerror', (error) => this.troubles.push(`error: ${error.message}`));
    page.on('console', (said) => {
      // What the service refuses is an answer like any other.
      if (said.type() === 'error' && !/^Failed to load resource/.test(said.text())) this.troubles.push(said.text());
    });
    page.on('dialog', (dialog) => {
      this.troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    const tab = new Tab(context, await context.newPage());
    await tab.page.goto(url);
    return tab;
  }

  /** Signs in with the keyboard, as the field has the focus. */
  async signIn(token: string = ADMIN): Promise<void> {
    await this.page.getByLabel('Your token').fill(token);
    await this.page.keyboard.press('Enter');
    await this.page.getByRole('heading', { name: 'Overview' }).waitFor();
  }

  async go(hash: string): Promise<void> {
    await this.page.evaluate((next) => {
      location.hash = next;
    }, hash);
  }

  close(): Promise<void> {
    return this.#context.close();
  }
}
