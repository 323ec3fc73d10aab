import type * as vscode from 'vscode';
import { messageOf } from '../../protocol/errors.ts';
import type { Assistant } from '../assistant.ts';
import { Disposable } from '../disposable.ts';
import type { CurrentSession } from './currentSession.ts';

/** Loads the model for the chat, and brings back the session of last time once it is loaded. */
export class ModelStart extends Disposable {
  readonly #assistant: Assistant;
  readonly #session: CurrentSession;
  readonly #log: vscode.LogOutputChannel;
  readonly #onRestored: () => void;
  /** The session of last time waits for a model to be loaded. */
  #restoresLater = false;

  constructor(assistant: Assistant, session: CurrentSession, log: vscode.LogOutputChannel, onRestored: () => void) {
    super();
    this.#assistant = assistant;
    this.#session = session;
    this.#log = log;
    this.#onRestored = onRestored;
    this.register(
      assistant.onDidChangeStatus(({ state }) => {
        if (state === 'ready' && this.#restoresLater) {
          void this.#restoreSession();
        }
      }),
    );
  }

  /** Loads the model and brings back the session of last time, once the model is loaded and unless another was chosen. */
  async restore(): Promise<void> {
    if (await this.#load(() => this.#assistant.start())) {
      await this.#restoreSession();
    } else {
      this.#restoresLater = true;
    }
  }

  /** Loads the model again that could not be loaded. */
  async retry(): Promise<void> {
    const { state } = this.#assistant.status;
    // One that is there by now is not to be lost.
    const isLost = state === 'absent' || state === 'failed';
    await this.#load(() => (isLost ? this.#assistant.restart() : this.#assistant.start()));
  }

  /** Whether the model is loaded now; where it is not, the status says why. */
  async #load(start: () => Promise<unknown>): Promise<boolean> {
    try {
      await start();
      return true;
    } catch (error) {
      this.#log.warn(`The model was not loaded: ${messageOf(error)}`);
      return false;
    }
  }

  async #restoreSession(): Promise<void> {
    this.#restoresLater = false;
    try {
      await this.#session.restore();
      this.#onRestored();
    } catch (error) {
      // It is gone, which leaves a new one.
      this.#log.warn(`The last session was not restored: ${messageOf(error)}`);
    }
  }
}
