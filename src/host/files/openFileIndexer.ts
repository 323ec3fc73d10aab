import * as vscode from 'vscode';
import { messageOf } from '../../protocol/errors.ts';
import type { Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import { readFile } from '../editor/textSource.ts';
import { canBeIndexed, openDocuments } from './openDocuments.ts';
import type { PowerSource } from './powerSource.ts';

/** How long nothing is typed or opened before files are sent, and how often it is asked whether there is mains again. */
export interface IndexingTimes {
  readonly quietMs: number;
  readonly powerMs: number;
}

const usualTimes: IndexingTimes = { quietMs: 3000, powerMs: 300_000 };

/**
 * Has open files read ahead by the worker, which does so while nobody waits: those in the tabs, the visible ones first,
 * each version once. Not while the machine runs on battery, not in a workspace that is not trusted (there, nothing is
 * read that was not asked for), and never so that the worker or the model is started for it.
 */
export class OpenFileIndexer extends Disposable {
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #power: Pick<PowerSource, 'isOnBattery'>;
  readonly #log: vscode.LogOutputChannel;
  readonly #times: IndexingTimes;
  /** Versions that the worker knows of, by URI. */
  readonly #sent = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(
    assistant: Assistant,
    configuration: Configuration,
    power: Pick<PowerSource, 'isOnBattery'>,
    log: vscode.LogOutputChannel,
    times = usualTimes,
  ) {
    super();
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#power = power;
    this.#log = log;
    this.#times = times;
    const request = (): void => {
      this.#request();
    };
    this.register(vscode.window.tabGroups.onDidChangeTabs(request));
    this.register(vscode.window.onDidChangeActiveTextEditor(request));
    this.register(vscode.workspace.onDidGrantWorkspaceTrust(request));
    this.register(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (canBeIndexed(document)) {
          request();
        }
      }),
    );
    this.register(vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#sent.delete(uri.toString())));
    this.register(
      assistant.onDidChangeStatus(() => {
        // Another worker or model knows of nothing.
        this.#sent.clear();
        request();
      }),
    );
    this.register(
      configuration.onDidChange((names) => {
        if (names.includes('memory.indexOpenFiles')) {
          this.#toggle();
        }
      }),
    );
    this.register({
      dispose: () => {
        clearTimeout(this.#timer);
      },
    });
    const watch = setInterval(() => void this.#watchPower(), times.powerMs);
    this.register({
      dispose: () => {
        clearInterval(watch);
      },
    });
    request();
  }

  get #isWanted(): boolean {
    return (
      !this.isDisposed &&
      this.#configuration.settings['memory.indexOpenFiles'] &&
      vscode.workspace.isTrusted &&
      this.#assistant.status.state === 'ready'
    );
  }

  /** Sends the files after a while in which nothing else happened. */
  #request(): void {
    clearTimeout(this.#timer);
    this.#timer = this.isDisposed
      ? undefined
      : setTimeout(() => {
          this.#sending = this.#sending.then(() => this.#send());
        }, this.#times.quietMs);
  }

  #toggle(): void {
    if (this.#configuration.settings['memory.indexOpenFiles']) {
      this.#request();
    } else {
      this.#stop();
    }
  }

  /** Stops where the mains were unplugged, and goes on where they are back. */
  async #watchPower(): Promise<void> {
    if (!this.#isWanted) {
      return;
    }
    if (!(await this.#power.isOnBattery())) {
      this.#request();
    } else if (this.#sent.size > 0) {
      this.#stop();
    }
  }

  #stop(): void {
    this.#sent.clear();
    this.#assistant.stopIndexing().catch((error: unknown) => {
      this.#log.debug(`Reading ahead was not stopped: ${messageOf(error)}`);
    });
  }

  async #send(): Promise<void> {
    // The worker takes the newest first, so what matters most comes last.
    const unsent = openDocuments().filter(({ uri, version }) => this.#sent.get(uri.toString()) !== version);
    if (!this.#isWanted || unsent.length === 0 || (await this.#power.isOnBattery())) {
      return;
    }
    for (const document of unsent.reverse()) {
      await this.#sendOne(document);
    }
  }

  async #sendOne(document: vscode.TextDocument): Promise<void> {
    // Noted before it is sent: one that is too large or empty is not tried again either until it has changed.
    this.#sent.set(document.uri.toString(), document.version);
    try {
      const file = await readFile(document.uri, this.#configuration.settings['files.maxSize']);
      if (this.#isWanted) {
        await this.#assistant.indexFile(file);
      }
    } catch (error) {
      this.#log.debug(`Not read ahead: ${messageOf(error)}`);
    }
  }
}
