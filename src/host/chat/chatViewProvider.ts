import * as vscode from 'vscode';
import { assertNever } from '../../protocol/errors.ts';
import type { FromWebviewMessage, ToWebviewMessage } from '../../protocol/webview.ts';
import { Disposable } from '../disposable.ts';
import { insertAtCaret } from '../editor/insertAtCaret.ts';
import type { ErrorPresenter } from '../errorPresenter.ts';
import type { ChatController } from './chatController.ts';
import { chatHtml, pageFolder } from './chatHtml.ts';
import { pageMessageSchema } from './pageMessages.ts';

/** The chat page's view: passes messages between the page and the controller. */
export class ChatViewProvider extends Disposable implements vscode.WebviewViewProvider {
  static readonly viewId = 'anchorage.chat';
  readonly #extensionUri: vscode.Uri;
  readonly #controller: ChatController;
  readonly #errors: ErrorPresenter;
  #view: vscode.WebviewView | undefined;
  /** The page runs and listens. It is unloaded while hidden, and says `ready` again when shown. */
  #listening = false;
  #restored = false;
  #heldPrefill: ToWebviewMessage.Prefill | undefined;

  constructor(extensionUri: vscode.Uri, controller: ChatController, errors: ErrorPresenter) {
    super();
    this.#extensionUri = extensionUri;
    this.#controller = controller;
    this.#errors = errors;
    this.register(
      controller.onDidPost((message) => {
        this.#post(message);
      }),
    );
    this.register(vscode.window.registerWebviewViewProvider(ChatViewProvider.viewId, this));
  }

  /** Shows the chat and puts the caret into its input. */
  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${ChatViewProvider.viewId}.focus`);
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#view = view;
    this.#listening = false;
    view.webview.options = { enableScripts: true, localResourceRoots: [pageFolder(this.#extensionUri)] };
    this.register(
      view.webview.onDidReceiveMessage((message: unknown) => {
        this.#receive(message);
      }),
    );
    this.register(
      view.onDidChangeVisibility(() => {
        this.#listening &&= view.visible;
      }),
    );
    this.register(
      view.onDidDispose(() => {
        if (this.#view === view) {
          this.#view = undefined;
          this.#listening = false;
        }
      }),
    );
    view.webview.html = chatHtml(view.webview, this.#extensionUri);
  }

  #post(message: ToWebviewMessage.Type): void {
    if (this.#view !== undefined && this.#listening) {
      void this.#view.webview.postMessage(message);
    } else if (message.type === 'prefill') {
      this.#heldPrefill = message;
    }
  }

  #receive(raw: unknown): void {
    const parsed = pageMessageSchema.safeParse(raw);
    if (!parsed.success) {
      this.#errors.log(`A message of the chat page was refused: ${parsed.error.message}`);
      return;
    }
    this.#handle(parsed.data).catch((error: unknown) => {
      this.#errors.show(error);
    });
  }

  async #handle(message: FromWebviewMessage.Type): Promise<void> {
    const { sessions, sequences } = this.#controller;
    switch (message.type) {
      case 'ready': {
        await this.#ready();
        return;
      }
      case 'ask': {
        await this.#controller.ask(message.text);
        return;
      }
      case 'stop': {
        this.#controller.stop();
        return;
      }
      case 'retry': {
        await this.#controller.retry();
        return;
      }
      case 'newSession': {
        await this.#controller.newSession();
        return;
      }
      case 'edit': {
        await this.#controller.edit(message.exchangeId, message.text);
        return;
      }
      case 'selectBranch': {
        await this.#controller.selectBranch(message.exchangeId);
        return;
      }
      case 'openSession': {
        await this.#controller.openSession(message.sessionId, message.exchangeId);
        return;
      }
      case 'listSessions': {
        await sessions.list();
        return;
      }
      case 'searchSessions': {
        await sessions.search(message.query);
        return;
      }
      case 'renameSession': {
        await sessions.rename(message.sessionId, message.title);
        return;
      }
      case 'deleteSession': {
        await sessions.delete(message.sessionId);
        return;
      }
      case 'exportSession': {
        await sessions.export(message.sessionId, message.format);
        return;
      }
      case 'importSession': {
        await sessions.import();
        return;
      }
      case 'sequenceText': {
        await sequences.postText(message.sequenceId);
        return;
      }
      case 'actOnSequence': {
        await sequences.act(message.sequenceId, message.action);
        return;
      }
      case 'removeAttachment': {
        this.#controller.removeAttachment(message.id);
        return;
      }
      case 'attachSelection':
      case 'attachFile': {
        await vscode.commands.executeCommand(`anchorage.chat.${message.type}`);
        return;
      }
      case 'restartWorker':
      case 'showLog': {
        await vscode.commands.executeCommand(`anchorage.${message.type}`);
        return;
      }
      case 'copy': {
        await vscode.env.clipboard.writeText(message.text);
        return;
      }
      case 'insert': {
        await insertAtCaret(message.text);
        return;
      }
      default:
        return assertNever(message);
    }
  }

  async #ready(): Promise<void> {
    this.#listening = true;
    this.#post({ type: 'state', state: this.#controller.state });
    if (this.#heldPrefill !== undefined) {
      this.#post(this.#heldPrefill);
      this.#heldPrefill = undefined;
    }
    if (!this.#restored) {
      this.#restored = true;
      await this.#controller.restore();
    }
  }
}
