/**
 * The chat page in a plain browser: the real bundle behind the content security policy of the extension, with the theme variables
 * of a real VS Code theme and a stand-in for its `acquireVsCodeApi`. Tests play the extension host.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { z } from 'zod';
import type { ChatState, FromWebviewMessage, ToWebviewMessage } from '../../../src/protocol/webview.ts';

export const themeNames = ['dark', 'light', 'hcDark', 'hcLight', 'dark2026', 'light2026'] as const;
export type ThemeName = (typeof themeNames)[number];

const themeClasses: Readonly<Record<ThemeName, string>> = {
  dark: 'vscode-dark',
  light: 'vscode-light',
  hcDark: 'vscode-high-contrast',
  hcLight: 'vscode-high-contrast vscode-high-contrast-light',
  dark2026: 'vscode-dark',
  light2026: 'vscode-light',
};

/** The variables that the page uses, as webviews of VS Code 1.139 have them. */
const themesSchema = z.record(z.enum(themeNames), z.record(z.string(), z.string()));
const themes = themesSchema.parse(JSON.parse(readFileSync(new URL('themes.json', import.meta.url), 'utf8')));

const contentTypes: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };

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
  readonly #idle: ChatTab[] = [];

  private constructor(browser: Browser, server: Server, origin: string) {
    this.#browser = browser;
    this.#server = server;
    this.#origin = origin;
  }

  static async start(chromiumPath: string): Promise<ChatHarness> {
    const files = await bundle();
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://page').pathname.slice(1);
      const theme = themeNames.find((name) => path === `${name}.html`);
      const body = theme ? shell(theme) : files.get(path);
      response.writeHead(body === undefined ? 404 : 200, {
        'content-type': contentTypes[path.split('.').at(-1) ?? ''] ?? 'text/plain',
      });
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('The server of the chat page has no port.');
    }
    const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
    return new ChatHarness(browser, server, `http://127.0.0.1:${address.port}`);
  }

  /** Opens a freshly loaded page, in a tab that was used before where there is one. */
  async open(options: OpenOptions = {}): Promise<ChatTab> {
    const tab = this.#idle.pop() ?? (await ChatTab.create(await this.#browser.newPage(), this.#origin));
    await tab.load(options);
    return tab;
  }

  /** Hands a tab back and returns the faults that its page had. */
  close(tab: ChatTab): readonly string[] {
    this.#idle.push(tab);
    return tab.faults;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The chat page in one tab, seen from the host's side. */
export class ChatTab {
  readonly page: Page;
  readonly #origin: string;
  /** What the page sent, oldest first. */
  sent: readonly FromWebviewMessage.Type[] = [];
  /** What `vscode.setState()` got last. */
  saved: unknown = null;
  /** Console errors, exceptions, requests to elsewhere and violations of the content security policy: must stay empty. */
  faults: readonly string[] = [];

  private constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
  }

  static async create(page: Page, origin: string): Promise<ChatTab> {
    const tab = new ChatTab(page, origin);
    const fault = (text: string): void => {
      tab.faults = [...tab.faults, text];
    };
    page.on('console', (message) => {
      if (message.type() === 'error') {
        fault(message.text());
      }
    });
    page.on('pageerror', (error) => {
      fault(String(error));
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) {
        fault(`request: ${request.url()}`);
      }
    });
    await page.exposeFunction('hostReceives', (message: FromWebviewMessage.Type) => {
      tab.sent = [...tab.sent, message];
    });
    await page.exposeFunction('hostSaves', (state: unknown) => {
      tab.saved = state;
    });
    await page.addInitScript(`
      document.addEventListener('securitypolicyviolation', (e) => console.error('CSP: ' + e.violatedDirective + ' ' + e.blockedURI));
      window.acquireVsCodeApi = () => ({
        postMessage: (message) => { hostReceives(message); },
        getState: () => JSON.parse(new URL(location.href).searchParams.get('saved') ?? 'null'),
        setState: (state) => { hostSaves(state); },
      });`);
    return tab;
  }

  async load({ theme = 'dark', width = 360, height = 720, saved, reducedMotion = false }: OpenOptions): Promise<void> {
    this.sent = [];
    this.faults = [];
    this.saved = null;
    await this.page.setViewportSize({ width, height });
    await this.page.emulateMedia({ reducedMotion: reducedMotion ? 'reduce' : 'no-preference' });
    await this.page.mouse.move(0, 0);
    const query = saved === undefined ? '' : `?saved=${encodeURIComponent(JSON.stringify(saved))}`;
    await this.page.goto(`${this.#origin}/${theme}.html${query}`);
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
    const isIt = (message: FromWebviewMessage.Type): message is Extract<FromWebviewMessage.Type, { type: T }> =>
      message.type === type;
    const deadline = Date.now() + 3000;
    for (;;) {
      const found = this.sent.findLast(isIt);
      if (found) {
        return found;
      }
      if (Date.now() > deadline) {
        throw new Error(`The page sent no ${type}; it sent ${JSON.stringify(this.sent)}`);
      }
      await this.page.waitForTimeout(10);
    }
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
html { background: var(--vscode-sideBar-background); }
/* VS Code styles webviews before the page does: what it sets and the page must undo. */
@layer vscode-default {
  body { padding: 0 20px; background-color: transparent; color: var(--vscode-editor-foreground); }
  p > a { text-decoration: none; }
  a:focus, textarea:focus { outline: 1px solid -webkit-focus-ring-color; outline-offset: -1px; }
  code { padding: 1px 3px; background-color: var(--vscode-textPreformat-background); color: var(--vscode-textPreformat-foreground); }
  blockquote { background: var(--vscode-textBlockQuote-background); }
}
</style>
<link rel="stylesheet" href="chat.css">
</head>
<body class="${themeClasses[theme]}"><div id="root"></div><script src="chat.js"></script></body>
</html>`;
}
