/**
 * The chat page in a plain browser: the real bundle behind the content security policy of the extension, with the theme variables
 * of a real VS Code theme and a stand-in for its `acquireVsCodeApi`. Tests play the extension host.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { z } from 'zod';
import type { ChatState, FromWebviewMessage, ToWebviewMessage } from '../../../src/protocol/webview.ts';

export const themeNames = ['dark', 'light', 'hcDark', 'hcLight'] as const;
export type ThemeName = (typeof themeNames)[number];

const themeClasses: Readonly<Record<ThemeName, string>> = {
  dark: 'vscode-dark',
  light: 'vscode-light',
  hcDark: 'vscode-high-contrast',
  hcLight: 'vscode-high-contrast vscode-high-contrast-light',
};

const themesSchema = z.record(z.enum(themeNames), z.record(z.string(), z.string()));
const themes = themesSchema.parse(JSON.parse(readFileSync(new URL('themes.json', import.meta.url), 'utf8')));

const contentTypes: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };

/** Where to find Chromium: CHROMIUM_PATH, or the usual places; null if there is none. */
export function findChromium(): string | null {
  const places = [
    process.env['CHROMIUM_PATH'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  return places.find((place) => place !== undefined && existsSync(place)) ?? null;
}

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  /** What `vscode.getState()` returns. */
  readonly saved?: unknown;
  readonly reducedMotion?: boolean;
}

/** One Chromium and one server of the bundle; opens pages. */
export class ChatHarness {
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #origin: string;

  private constructor(browser: Browser, server: Server, origin: string) {
    this.#browser = browser;
    this.#server = server;
    this.#origin = origin;
  }

  static async start(chromiumPath: string): Promise<ChatHarness> {
    const files = await bundle();
    let page = '';
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://page').pathname.slice(1);
      const theme = themeNames.find((name) => path === `${name}.html`);
      page = theme ? shell(theme) : '';
      const body = theme ? page : files.get(path);
      response.writeHead(body === undefined ? 404 : 200, {
        'content-type': contentTypes[path.split('.').at(-1) ?? ''] ?? 'text/plain',
      });
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
    return new ChatHarness(browser, server, `http://127.0.0.1:${port}`);
  }

  async open({
    theme = 'dark',
    width = 360,
    height = 720,
    saved,
    reducedMotion = false,
  }: OpenOptions = {}): Promise<ChatTab> {
    const context = await this.#browser.newContext({
      viewport: { width, height },
      reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    });
    const tab = new ChatTab(context, await context.newPage());
    await tab.load(`${this.#origin}/${theme}.html`, saved);
    return tab;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The chat page in one tab, seen from the host's side. */
export class ChatTab {
  readonly page: Page;
  /** What the page sent, oldest first. */
  readonly sent: FromWebviewMessage.Type[] = [];
  /** What `vscode.setState()` got last. */
  saved: unknown = null;
  /** Console errors, exceptions, requests to elsewhere and violations of the content security policy: must stay empty. */
  readonly faults: string[] = [];
  readonly #context: BrowserContext;

  constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
  }

  async load(url: string, saved: unknown): Promise<void> {
    const { page } = this;
    page.on('console', (message) => message.type() === 'error' && this.faults.push(message.text()));
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('dialog', (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin) {
        this.faults.push(`request: ${request.url()}`);
      }
    });
    await page.exposeFunction('hostReceives', (message: FromWebviewMessage.Type) => this.sent.push(message));
    await page.exposeFunction('hostSaves', (state: unknown) => {
      this.saved = state;
    });
    await page.addInitScript(`
      document.addEventListener('securitypolicyviolation', (e) => console.error('CSP: ' + e.violatedDirective + ' ' + e.blockedURI));
      window.acquireVsCodeApi = () => ({
        postMessage: (message) => { hostReceives(message); },
        getState: () => (${JSON.stringify(saved) ?? 'undefined'}),
        setState: (state) => { hostSaves(state); },
      });`);
    await page.goto(url);
    await this.untilSent('ready');
  }

  /** Sends a message as the host would. */
  async post(message: ToWebviewMessage.Type): Promise<void> {
    await this.page.evaluate(`window.postMessage(${JSON.stringify(message)})`);
  }

  async show(state: ChatState): Promise<void> {
    await this.post({ type: 'state', state });
    await this.drawn();
  }

  /** Waits until the page has drawn what it got. */
  async drawn(): Promise<void> {
    await this.page.evaluate(
      'new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done()))))',
    );
  }

  /** Waits for the page to send a message of a type and returns the last of them. */
  async untilSent<T extends FromWebviewMessage.Type['type']>(
    type: T,
  ): Promise<Extract<FromWebviewMessage.Type, { type: T }>> {
    const deadline = Date.now() + 3000;
    for (;;) {
      const found = this.sent.findLast(
        (message): message is Extract<FromWebviewMessage.Type, { type: T }> => message.type === type,
      );
      if (found) {
        return found;
      }
      if (Date.now() > deadline) {
        throw new Error(`The page sent no ${type}; it sent ${JSON.stringify(this.sent)}`);
      }
      await this.page.waitForTimeout(20);
    }
  }

  async close(): Promise<void> {
    await this.#context.close();
  }
}

async function bundle(): Promise<ReadonlyMap<string, string>> {
  const entry = new URL('../../../src/webview/chat.ts', import.meta.url).pathname;
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'iife',
    write: false,
    outdir: '/',
  });
  return new Map(outputFiles.map((file) => [file.path.slice(1), file.text]));
}

/** The document that the extension makes, with what VS Code adds to it: the theme's variables and the body's class. */
function shell(theme: ThemeName): string {
  const variables = Object.entries(themes[theme]).map(([name, value]) => `--vscode-${name}: ${value};`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self' 'nonce-theme'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'">
<title>Chat</title>
<style nonce="theme">
:root { ${variables.join(' ')} --vscode-font-family: 'DejaVu Sans', sans-serif; --vscode-font-size: 13px; --vscode-editor-font-family: 'DejaVu Sans Mono', monospace; }
body { background: var(--vscode-sideBar-background); }
</style>
<link rel="stylesheet" href="chat.css">
</head>
<body class="${themeClasses[theme]}"><div id="root"></div><script src="chat.js"></script></body>
</html>`;
}
