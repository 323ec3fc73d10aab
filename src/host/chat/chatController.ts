import * as vscode from 'vscode';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import type { ChatState, ToWebviewMessage } from '../../protocol/webview.ts';
import type { Attachment } from '../../protocol/worker.ts';
import type { Answer, Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import { modelStatusOf } from '../models/modelStatus.ts';
import { samplingOf } from '../models/sampling.ts';
import { ActionErrors } from './actionErrors.ts';
import { AnswerRun } from './answerRun.ts';
import { CurrentSession } from './currentSession.ts';
import type { LastSession } from './lastSession.ts';
import { PendingAttachments } from './pendingAttachments.ts';
import { emptyAnswerError } from './shownSession.ts';

/**
 * The chat: holds everything the page draws, so that a page that was hidden or reloaded misses nothing. A question that
 * got no answer goes back into the input, its attachments with it.
 */
export class ChatController extends Disposable {
  readonly #onDidPost = this.register(new vscode.EventEmitter<ToWebviewMessage.Type>());
  /** Messages for the page, if there is one: the whole state where more than a detail changed. */
  readonly onDidPost = this.#onDidPost.event;
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #session: CurrentSession;
  readonly #errors: ActionErrors;
  readonly #log: vscode.LogOutputChannel;
  readonly #pending = new PendingAttachments();
  #run: AnswerRun | null = null;
  /** The session of last time waits for a model to be loaded. */
  #restoresLater = false;

  constructor(
    assistant: Assistant,
    configuration: Configuration,
    lastSession: LastSession,
    log: vscode.LogOutputChannel,
  ) {
    super();
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#session = new CurrentSession(assistant, lastSession);
    this.#errors = this.register(
      new ActionErrors(assistant, log, () => {
        this.#postState();
      }),
    );
    this.#log = log;
    this.register(
      assistant.onDidChangeStatus(({ state }) => {
        this.#postState();
        if (state === 'ready' && this.#restoresLater) {
          void this.#restoreSession();
        }
      }),
    );
    this.register(
      assistant.onDidChangeMemory((memory) => {
        if (this.#session.setMemory(memory)) {
          this.#onDidPost.fire({ type: 'memory', memory });
        }
      }),
    );
    this.register({
      dispose: () => {
        this.stop();
      },
    });
  }

  get state(): ChatState {
    const { id, title, exchanges, memory } = this.#session.shown;
    return {
      sessionId: id,
      title,
      exchanges,
      running: this.#run?.running ?? null,
      attachments: this.#pending.chips,
      memory,
      model: modelStatusOf(this.#assistant.status),
      error: this.#errors.shown,
    };
  }

  /** Loads the model and brings back the session of last time, once the model is loaded and unless another was chosen. */
  async restore(): Promise<void> {
    if (await this.#load(() => this.#assistant.start())) {
      await this.#restoreSession();
    } else {
      this.#restoresLater = true;
    }
  }

  /** Puts text into the page's input. */
  prefill(text: string): void {
    this.#onDidPost.fire({ type: 'prefill', text });
  }

  /** Asks in the session that is open, or in a new one. Resolves when the answer is whole; errors go into the state. */
  async ask(text: string): Promise<void> {
    await this.#errors.ofQuestion(async () => {
      if (this.#run !== null) {
        throw new AnchorageError(
          'invalidInput',
          vscode.l10n.t('An answer is being written.'),
          vscode.l10n.t('Wait for it, or stop it.'),
        );
      }
      const question = text.trim();
      if (question === '') {
        throw new AnchorageError('invalidInput', vscode.l10n.t('The question is empty.'), vscode.l10n.t('Write one.'));
      }
      await this.#answer(question);
    });
  }

  /** Loads the model again that could not be loaded. */
  async retry(): Promise<void> {
    const { state } = this.#assistant.status;
    this.#errors.show(null);
    // One that is there by now is not to be lost.
    const isLost = state === 'absent' || state === 'failed';
    await this.#load(() => (isLost ? this.#assistant.restart() : this.#assistant.start()));
  }

  /** Ends the running answer; what is written of it stays. */
  stop(): void {
    this.#run?.stop();
  }

  async newSession(): Promise<void> {
    this.#leaveRun();
    const left = this.#session.leave();
    this.#errors.show(null);
    await left;
  }

  /** Opens a session; the one that is open stays as it is, its running answer too. */
  async openSession(sessionId: string): Promise<void> {
    await this.#errors.ofSessions(async () => {
      const view = await this.#session.fetch(sessionId);
      if (view !== null) {
        this.#leaveRun();
        const shown = this.#session.show(view);
        this.#postState();
        await shown;
      }
    });
  }

  async deleteSession(sessionId: string): Promise<void> {
    await this.#errors.ofSessions(async () => {
      if (sessionId === this.#session.shown.id) {
        await this.newSession();
      }
      await this.#assistant.deleteSession(sessionId);
      await this.#postSessions();
    });
  }

  async listSessions(): Promise<void> {
    await this.#errors.ofSessions(() => this.#postSessions());
  }

  attach(attachments: readonly Attachment[]): void {
    this.#pending.add(attachments);
    this.#postState();
  }

  removeAttachment(id: string): void {
    this.#pending.remove(id);
    this.#postState();
  }

  async #answer(question: string): Promise<void> {
    const run = new AnswerRun(question, this.#pending.take(), (message) => {
      if (this.#run === run) {
        this.#onDidPost.fire(message);
      }
    });
    this.#run = run;
    this.#errors.show(null);
    try {
      const sessionId = await this.#session.require(run.signal);
      const answer = await run.request(this.#assistant, sessionId, samplingOf(this.#configuration.settings));
      if (this.#run === run) {
        this.#finish(answer);
      }
    } catch (error) {
      if (this.#run === run) {
        this.#putBack(run);
        throw error;
      }
    }
  }

  #finish(answer: Answer): void {
    this.#run = null;
    this.#session.add(answer);
    this.#errors.show(emptyAnswerError(answer.exchange));
  }

  #putBack(run: AnswerRun): void {
    this.#run = null;
    this.#pending.add(run.attachments);
    this.#postState();
    this.prefill(run.question);
  }

  #leaveRun(): void {
    this.stop();
    this.#run = null;
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
      this.#postState();
    } catch (error) {
      // It is gone, which leaves a new one.
      this.#log.warn(`The last session was not restored: ${messageOf(error)}`);
    }
  }

  async #postSessions(): Promise<void> {
    this.#onDidPost.fire({ type: 'sessions', sessions: await this.#assistant.listSessions() });
  }

  #postState(): void {
    this.#onDidPost.fire({ type: 'state', state: this.state });
  }
}
