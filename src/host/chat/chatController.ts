import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import type { MemoryView } from '../../protocol/memory.ts';
import type { ChatError, ChatState, ToWebviewMessage } from '../../protocol/webview.ts';
import type { Attachment, SessionView } from '../../protocol/worker.ts';
import type { Answer, Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import { chatErrorOf, isCancelled } from '../errorPresenter.ts';
import { modelStatusOf } from '../models/modelStatus.ts';
import { samplingOf } from '../models/sampling.ts';
import { AnswerRun } from './answerRun.ts';
import type { LastSession } from './lastSession.ts';
import { PendingAttachments } from './pendingAttachments.ts';
import { emptyAnswerError, noSession, shownSessionOf, withAnswer } from './shownSession.ts';

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
  readonly #lastSession: LastSession;
  readonly #log: vscode.LogOutputChannel;
  readonly #pending = new PendingAttachments();
  #shown = noSession;
  #error: ChatError | null = null;
  #run: AnswerRun | null = null;
  #unanswered: string | null = null;

  constructor(
    assistant: Assistant,
    configuration: Configuration,
    lastSession: LastSession,
    log: vscode.LogOutputChannel,
  ) {
    super();
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#lastSession = lastSession;
    this.#log = log;
    this.register(
      assistant.onDidChangeStatus(() => {
        this.#postState();
      }),
    );
    this.register(
      assistant.onDidChangeMemory((memory) => {
        this.#setMemory(memory);
      }),
    );
    this.register({
      dispose: () => {
        this.stop();
      },
    });
  }

  get state(): ChatState {
    return {
      sessionId: this.#shown.id,
      title: this.#shown.title,
      exchanges: this.#shown.exchanges,
      running: this.#run?.running ?? null,
      attachments: this.#pending.chips,
      memory: this.#shown.memory,
      model: modelStatusOf(this.#assistant.status),
      error: this.#error,
    };
  }

  /** Loads the model and brings back the session of last time, unless one was begun meanwhile. */
  async restore(): Promise<void> {
    const sessionId = this.#lastSession.id;
    try {
      await this.#assistant.start();
      if (sessionId !== null && this.#isFresh()) {
        const view = await this.#assistant.openSession(sessionId);
        if (this.#isFresh()) {
          this.#showSession(view);
        }
      }
    } catch (error) {
      // A model that does not load is in the state already; a session that is gone leaves a new one.
      this.#log.warn(`The last session was not restored: ${chatErrorOf(error).message}`);
    }
  }

  /** Puts text into the page's input. */
  prefill(text: string): void {
    this.#onDidPost.fire({ type: 'prefill', text });
  }

  /** Asks in the session that is open, or in a new one. Resolves when the answer is whole; errors go into the state. */
  async ask(text: string): Promise<void> {
    await this.#guard(async () => {
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

  /** Does again what failed: loads the model, or asks the question that got no answer. */
  async retry(): Promise<void> {
    const { state } = this.#assistant.status;
    const question = this.#unanswered;
    this.#setError(null);
    if (state === 'absent' || state === 'failed') {
      await this.#guard(async () => {
        await this.#assistant.restart();
      });
    } else if (question !== null) {
      this.prefill('');
      await this.ask(question);
    }
  }

  /** Ends the running answer; what is written of it stays. */
  stop(): void {
    this.#run?.stop();
  }

  async newSession(): Promise<void> {
    this.#leaveSession();
    this.#postState();
    await this.#lastSession.remember(null);
  }

  async openSession(sessionId: string): Promise<void> {
    await this.#guard(async () => {
      const view = await this.#assistant.openSession(sessionId);
      this.#leaveSession();
      this.#showSession(view);
      await this.#lastSession.remember(sessionId);
    });
  }

  async deleteSession(sessionId: string): Promise<void> {
    await this.#guard(async () => {
      if (this.#shown.id === sessionId) {
        await this.newSession();
      }
      await this.#assistant.deleteSession(sessionId);
      await this.#postSessions();
    });
  }

  async listSessions(): Promise<void> {
    await this.#guard(() => this.#postSessions());
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
    this.#unanswered = question;
    this.#setError(null);
    try {
      const sessionId = this.#shown.id ?? (await this.#beginSession(run));
      const answer = await run.request(this.#assistant, sessionId, samplingOf(this.#configuration.settings));
      if (this.#run === run) {
        this.#finish(answer);
        await this.#lastSession.remember(sessionId);
      }
    } catch (error) {
      if (this.#run === run) {
        this.#putBack(run);
        throw error;
      }
    }
  }

  async #beginSession(run: AnswerRun): Promise<string> {
    const session = await this.#assistant.createSession({ ephemeral: false });
    if (this.#run !== run) {
      await this.#assistant.deleteSession(session.id);
      throw new AnchorageError('cancelled', 'Another session was begun.');
    }
    this.#shown = shownSessionOf(session);
    return session.id;
  }

  #finish(answer: Answer): void {
    this.#run = null;
    this.#unanswered = null;
    this.#shown = withAnswer(this.#shown, answer);
    this.#error = emptyAnswerError(answer.exchange);
    this.#postState();
  }

  #putBack(run: AnswerRun): void {
    this.#run = null;
    this.#pending.add(run.attachments);
    this.#postState();
    this.prefill(run.question);
  }

  #isFresh(): boolean {
    return this.#shown.id === null && this.#run === null;
  }

  #leaveSession(): void {
    this.stop();
    this.#run = null;
    this.#shown = noSession;
    this.#error = null;
    this.#unanswered = null;
  }

  #showSession(view: SessionView): void {
    this.#shown = shownSessionOf(view);
    this.#postState();
  }

  async #postSessions(): Promise<void> {
    this.#onDidPost.fire({ type: 'sessions', sessions: await this.#assistant.listSessions() });
  }

  #setMemory(memory: MemoryView): void {
    if (memory.sessionId === this.#shown.id) {
      this.#shown = { ...this.#shown, memory };
      this.#onDidPost.fire({ type: 'memory', memory });
    }
  }

  #setError(error: ChatError | null): void {
    this.#error = error;
    this.#postState();
  }

  /** Runs an action of the page: what fails is shown there, except that something was stopped. */
  async #guard(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!isCancelled(error)) {
        this.#log.error(error instanceof Error ? error : String(error));
        this.#setError(chatErrorOf(error));
      }
    }
  }

  #postState(): void {
    this.#onDidPost.fire({ type: 'state', state: this.state });
  }
}
