// The system's Chromium, with what every test asks of a page: that it is quiet and accessible.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Browser {
  #browser;
  #base;
  #output;
  #noise = [];

  static async launch({ base, output }) {
    const self = new Browser();
    self.#base = base;
    self.#output = output;
    self.#browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      // The sandbox needs rights that a container seldom has; what is opened here is our own.
      args: ['--no-sandbox'],
    });
    // axe is put into the page by the debugger, which the page's policy does not concern.
    const context = await self.#browser.newContext({ viewport: { width: 1360, height: 900 } });
    context.setDefaultTimeout(20_000);
    self.page = await context.newPage();
    self.#listen();
    return self;
  }

  #listen() {
    const { page } = this;
    page.on('console', (message) => message.type() === 'error' && this.#noise.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => this.#noise.push(`uncaught: ${error.stack}`));
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText;
      // A request that the page itself gave up is none that failed.
      if (why !== 'net::ERR_ABORTED') this.#noise.push(`request: ${request.url()} ${why}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) this.#noise.push(`answer: ${response.status()} ${response.url()}`);
      const host = new URL(response.url()).host;
      if (host !== '' && host !== new URL(this.#base).host) this.#noise.push(`elsewhere: ${response.url()}`);
    });
  }

  /** Opens a view in a fresh document. */
  async open(path) {
    await this.page.goto('about:blank');
    await this.page.goto(`${this.#base}/${path}`);
  }

  look({ theme, width }) {
    return Promise.all([
      this.page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' }),
      this.page.setViewportSize({ width, height: width < 500 ? 780 : 900 }),
    ]);
  }

  /** Waits until what is asked for at first has come. */
  async settle() {
    await this.page.locator('h1, .graphiql-container .graphiql-response').first().waitFor();
    await this.page.locator('.loading').waitFor({ state: 'detached' });
    await this.page.waitForTimeout(1_500);
  }

  screenshot(name) {
    return this.page.screenshot({ path: join(this.#output, `${name}.png`) });
  }

  assertQuiet(expected = []) {
    const noise = this.#noise.filter((line) => !expected.some((pattern) => pattern.test(line)));
    if (noise.length > 0) throw new Error(`the page was not quiet:\n${noise.join('\n')}`);
  }

  forgetNoise() {
    this.#noise = [];
  }

  /** axe finds no violation that it calls serious or critical, outside of what others made. */
  async assertAccessible(exclude = []) {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(
      (selectors) => axe.run({ exclude: selectors.map((selector) => [selector]) }, { resultTypes: ['violations'] }),
      exclude,
    );
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    if (grave.length === 0) return;
    const lines = grave.flatMap(({ id, help, nodes }) => [
      `${id}: ${help}`,
      ...nodes
        .slice(0, 4)
        .map((node) => `  ${node.html.slice(0, 200)}\n    ${node.failureSummary.replaceAll('\n', ' ')}`),
    ]);
    throw new Error(`axe:\n${lines.join('\n')}`);
  }

  close() {
    return this.#browser.close();
  }
}
