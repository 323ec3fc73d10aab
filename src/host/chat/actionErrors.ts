import type * as vscode from 'vscode';
import type { ChatError } from '../../protocol/webview.ts';
import type { Assistant } from '../assistant.ts';
import { Disposable } from '../disposable.ts';
import { chatErrorOf, isCancelled } from '../errorPresenter.ts';

/** Runs what the page asks for, and keeps the error of what failed last, which the page shows. */
export class ActionErrors extends Disposable {
  readonly #assistant: Assistant;
  readonly #log: vscode.LogOutputChannel;
  readonly #onChange: () => void;
  #shown: ChatError | null = null;
  /** There was no model when the error came, so it is past when there is one. */
  #isOfModel = false;

  constructor(assistant: Assistant, log: vscode.LogOutputChannel, onChange: () => void) {
    super();
    this.#assistant = assistant;
    this.#log = log;
    this.#onChange = onChange;
    this.register(
      assistant.onDidChangeStatus(({ state }) => {
        if (state === 'ready' && this.#isOfModel) {
          this.show(null);
        }
      }),
    );
  }

  get shown(): ChatError | null {
    return this.#shown;
  }

  show(error: ChatError | null): void {
    const { state } = this.#assistant.status;
    this.#shown = error;
    this.#isOfModel = error !== null && (state === 'absent' || state === 'failed');
    this.#onChange();
  }

  /** Asks something: what fails can be tried again, since the question is in the input. */
  async ofQuestion(action: () => Promise<void>): Promise<void> {
    await this.#run(action, chatErrorOf);
  }

  /** Does something with the sessions, in place of the error before. To try it again, the user does it again. */
  async ofSessions(action: () => Promise<void>): Promise<void> {
    this.show(null);
    await this.aside(action);
  }

  /** As `ofSessions`, for what is done on the way (a search at each letter): the error before stays unless it fails. */
  async aside(action: () => Promise<void>): Promise<void> {
    await this.#run(action, (error) => {
      const shown = chatErrorOf(error);
      return shown.action === 'retry' ? { ...shown, action: null } : shown;
    });
  }

  async #run(action: () => Promise<void>, shownOf: (error: unknown) => ChatError): Promise<void> {
    try {
      await action();
    } catch (error) {
      // What the user stopped is no news to them.
      if (!isCancelled(error)) {
        this.#log.error(error instanceof Error ? error : String(error));
        this.show(shownOf(error));
      }
    }
  }
}
