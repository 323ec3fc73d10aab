import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';
import { cacheFolder } from '../prepare/folders.ts';

export const screenshotsFolder = join(cacheFolder, 'screenshots');

/** A VS Code window in a browser's page, driven by what a person sees: names of controls, and keys. */
export class Workbench {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the workbench at `url` in a browser profile of its own: window state and view placement are the defaults. */
  static async open(browser: Browser, url: string, size = { width: 1440, height: 900 }): Promise<Workbench> {
    const context = await browser.newContext({ viewport: size });
    const page = await context.newPage();
    const workbench = new Workbench(page);
    await page.goto(url);
    await workbench.ready();
    return workbench;
  }

  /** Waits for the workbench to be drawn, the explorer to be filled and the extension to be active. */
  async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench').waitFor({ timeout: 60_000 });
    await this.page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: 60_000 });
    await this.page.locator('.statusbar-item', { hasText: 'Anchorage' }).waitFor({ timeout: 60_000 });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  /** Loads the page again, as a person who presses F5. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  /** Chooses a command in the palette by its whole title, "Category: Title". */
  async run(title: string): Promise<void> {
    await this.#pickAfter('F1', `>${title}`, title);
  }

  /** Chooses an entry of the list that a command has opened. */
  async choose(label: string): Promise<void> {
    await this.#pick(label, label);
  }

  /** Opens a file of the workspace by its name. */
  async openFile(name: string): Promise<void> {
    await this.#pickAfter('Control+P', name, name);
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
    await this.page.locator('.editor-instance .view-line').first().waitFor();
  }

  /** Selects whole lines of the active editor, counted from 1. */
  async selectLines(first: number, last: number): Promise<void> {
    await this.page
      .locator('.editor-instance .view-lines')
      .first()
      .click({ position: { x: 300, y: 5 } });
    await this.page.keyboard.press('Control+G');
    await this.page
      .locator('.quick-input-widget input')
      .first()
      .fill(`:${String(first)}`);
    await this.page.keyboard.press('Enter');
    await this.page.keyboard.press('Home');
    for (let line = first; line <= last; line++) await this.page.keyboard.press('Shift+ArrowDown');
  }

  /** The extension's chat page: the innermost of the two frames that VS Code puts a webview into. */
  get chat(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
  }

  /** A notification with this text. */
  toast(text: string | RegExp): Locator {
    return this.page.locator('.notification-toast', { hasText: text });
  }

  /** The text of the webview that has this text in it (a rendered Markdown document, for one); empty if there is none. */
  async frameText(text: string): Promise<string> {
    for (const frame of this.page.frames()) {
      const found = await frame
        .locator('body')
        .innerText({ timeout: 1_000 })
        .catch(() => '');
      if (frame !== this.page.mainFrame() && found.includes(text)) return found;
    }
    return '';
  }

  /** @returns the picture's path */
  async screenshot(name: string): Promise<string> {
    await mkdir(screenshotsFolder, { recursive: true });
    const path = join(screenshotsFolder, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** Presses a key that opens the quick input; once more where it has closed, since something else took the focus. */
  async #pickAfter(key: string, query: string, label: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.page.keyboard.press(key);
      try {
        await this.#pick(query, label, attempt === 3 ? 20_000 : 7_000);
        return;
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  async #pick(query: string, label: string, timeout = 20_000): Promise<void> {
    const input = this.page.locator('.quick-input-widget input').first();
    await input.waitFor({ state: 'visible', timeout });
    await input.fill(query, { timeout });
    const row = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label }).first();
    await row.waitFor({ timeout });
    await row.click({ timeout });
  }
}
