import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeServerEntry } from '../prepare/codeServer.ts';
import { runProgram } from '../prepare/program.mjs';
import { prepareStep } from '../prepare/step.mjs';
import { withoutEditorVariables } from './editorVariables.ts';
import { freePort } from './freePort.ts';
import { installExtensionStep } from './installExtension.ts';

/** What is switched off in every editor that the project starts: news, updates, telemetry. */
const quietSettings = {
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};
const startLimitMs = 60_000;

/** How an editor server is started. */
export interface EditorServerOptions {
  /** Everything the server writes lies here: settings, extensions, its home folder. */
  readonly dataFolder: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A packaged extension to install first. */
  readonly vsix?: string;
  /** The port to listen on; a free one if undefined. */
  readonly port?: number | undefined;
  /** Passed on to the extension host. */
  readonly env?: Readonly<Record<string, string>>;
  /** Lets the page load an extension and its tests from folders (`payload`); it also hides notification toasts. */
  readonly testDriver?: boolean;
}

/** A code-server that listens on this machine only. */
export class EditorServer {
  readonly port: number;
  readonly dataFolder: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, dataFolder: string) {
    this.#child = child;
    this.port = port;
    this.dataFolder = dataFolder;
  }

  /**
   * Installs the extension, if one is given, and starts the server.
   *
   * @returns once it answers requests
   */
  static async start({
    dataFolder,
    settings,
    vsix,
    port,
    env,
    testDriver = false,
  }: EditorServerOptions): Promise<EditorServer> {
    const home = join(dataFolder, 'home');
    await mkdir(join(dataFolder, 'User'), { recursive: true });
    await mkdir(home, { recursive: true });
    await writeSettings(dataFolder, settings ?? {});
    await writeFile(join(dataFolder, 'config.yaml'), 'auth: none\n');
    const folders = [
      '--config',
      join(dataFolder, 'config.yaml'),
      '--user-data-dir',
      dataFolder,
      '--extensions-dir',
      join(dataFolder, 'extensions'),
    ];
    const environment = { ...withoutEditorVariables(process.env), HOME: home, ORT_DISABLE_TELEMETRY: '1', ...env };
    if (vsix !== undefined) {
      const install = [codeServerEntry, ...folders, '--install-extension', vsix, '--force'];
      const step = installExtensionStep(dataFolder, vsix, () =>
        runProgram(process.execPath, install, { env: environment }),
      );
      await prepareStep(step, { stateFolder: dataFolder });
    }

    const listenOn = port ?? (await freePort());
    const args = [codeServerEntry, '--bind-addr', `127.0.0.1:${String(listenOn)}`, '--auth', 'none', ...folders];
    args.push(
      '--disable-telemetry',
      '--disable-update-check',
      '--disable-workspace-trust',
      '--disable-getting-started-override',
    );
    // The default keeps the extension host of a closed page alive for three hours.
    args.push('--ignore-last-opened', '--reconnection-grace-time', '5');
    if (testDriver) args.push('--vscode-option', 'enable-smoke-test-driver');
    const log = openSync(join(dataFolder, 'server.log'), 'a');
    const child = spawn(process.execPath, args, { env: environment, stdio: ['ignore', log, log], detached: true });
    const server = new EditorServer(child, listenOn, dataFolder);
    process.once('exit', () => {
      server.stop();
    });
    await server.#ready();
    return server;
  }

  /** The address of the workbench on a folder; `payload` needs the test driver. */
  url(folder: string, payload: readonly (readonly [string, string])[] = []): string {
    const address = `http://127.0.0.1:${String(this.port)}/?folder=${encodeURIComponent(folder)}`;
    return payload.length === 0 ? address : `${address}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
  }

  /** How the workbench names a file on the server's side. */
  remoteUri(path: string): string {
    return `vscode-remote://127.0.0.1:${String(this.port)}${path}`;
  }

  /** Resolves when the server has ended by itself. */
  ended(): Promise<void> {
    if (this.#hasEnded()) return Promise.resolve();
    return new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  /** Ends the server and everything it started. */
  stop(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGTERM');
    } catch {
      // It has ended already.
    }
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    while (!this.#hasEnded() && Date.now() < deadline) {
      const health = await fetch(`http://127.0.0.1:${String(this.port)}/healthz`).catch(() => undefined);
      if (health?.ok === true) return;
      await sleep(50);
    }
    this.stop();
    const log = await readFile(join(this.dataFolder, 'server.log'), 'utf8');
    throw new Error(`The editor's server did not start on port ${String(this.port)}:\n${log.slice(-2000)}`);
  }
}

async function writeSettings(dataFolder: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  const path = join(dataFolder, 'User', 'settings.json');
  await writeFile(path, `${JSON.stringify({ ...quietSettings, ...settings }, undefined, 2)}\n`);
}
