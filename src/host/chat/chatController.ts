import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import type { ChatState, ToWebviewMessage } from '../../protocol/webview.ts';
import type { Attachment, SessionView } from '../../protocol/worker.ts';
import type { Answer, Assistant, Question } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import { modelStatusOf } from '../models/modelStatus.ts';
import { anotherSamplingOf, samplingOf } from '../models/sampling.ts';
import { ActionErrors } from './actionErrors.ts';
import { AnswerRun, type ChatQuestion } from './answerRun.ts';
import { CurrentSession } from './currentSession.ts';
import type { LastSession } from './lastSession.ts';
import { ModelStart } from './modelStart.ts';
import { PendingAttachments } from './pendingAttachments.ts';
import { SequenceActions } from './sequenceActions.ts';
import { SessionActions } from './sessionActions.ts';
import { SessionFiles } from './sessionFiles.ts';
import { emptyAnswerError, exchangesBefore } from './shownSession.ts';

/**
 * The chat: holds everything the page draws, so that a page that was hidden or reloaded misses nothing. A question that
 * got no answer goes back into the input, its attachments with it; one that was asked anew leaves the branch as it was.
 */
export class ChatController extends Disposable {
  readonly #onDidPost = this.register(new vscode.EventEmitter<ToWebviewMessage.Type>());
  /** Messages for the page, if there is one: the whole state where more than a detail changed. */
  readonly onDidPost = this.#onDidPost.event;
  readonly sessions: SessionActions;
  readonly sequences: SequenceActions;
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #session: CurrentSession;
  readonly #errors: ActionErrors;
  readonly #start: ModelStart;
  readonly #pending = new PendingAttachments();
  #run: AnswerRun | null = null;
  /** Settled once all is attached that is being read; null while nothing is. */
  #attaching: Promise<unknown> | null = null;

  constructor(
    assistant: Assistant,
    configuration: Configuration,
    lastSession: LastSession,
    log: vscode.LogOutputChannel,
    files = new SessionFiles(),
  ) {
    super();
    const post = (message: ToWebviewMessage.Type): void => {
      this.#onDidPost.fire(message);
    };
    const postState = (): void => {
      this.#postState();
    };
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#session = new CurrentSession(assistant, lastSession);
    this.#errors = this.register(new ActionErrors(assistant, log, postState));
    this.sessions = new SessionActions(assistant, this.#errors, files, {
      post,
      leave: async (sessionId) => {
        await (sessionId === this.#session.shown.id ? this.newSession() : undefined);
      },
      show: (view) => this.#show(view),
      renamed: (sessionId, title) => {
        this.#session.rename(sessionId, title);
        postState();
      },
    });
    this.#start = this.register(new ModelStart(assistant, this.#session, log, postState));
    this.sequences = new SequenceActions(assistant, this.#errors, this.#session, { post, postState });
    this.register(assistant.onDidChangeStatus(postState));
    this.register(
      assistant.onDidChangeMemory((memory) => {
        if (this.#session.setMemory(memory)) {
          post({ type: 'memory', memory });
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
    const { shown } = this.#session;
    const edits = this.#run?.running.edits ?? null;
    const { id, title, exchanges, memory } = shown;
    return {
      sessionId: id,
      title,
      exchanges: edits === null ? exchanges : exchangesBefore(shown, [edits]),
      running: this.#run?.running ?? null,
      attachments: this.#pending.chips,
      memory,
      model: modelStatusOf(this.#assistant.status),
      error: this.#errors.shown,
    };
  }

  /** Loads the model and brings back the session of last time, once the model is loaded and unless another was chosen. */
  async restore(): Promise<void> {
    await this.#start.restore();
  }

  /** Puts text into the page's input. */
  prefill(text: string): void {
    this.#onDidPost.fire({ type: 'prefill', text });
  }

  /** Asks in the session that is open, or in a new one. Resolves when the answer is whole; errors go into the state. */
  async ask(text: string): Promise<void> {
    if (this.#attaching !== null) {
      await this.#attaching;
    }
    await this.#errors.ofQuestion(async () => {
      this.#refuseWhileRunning();
      const question = text.trim();
      if (question === '') {
        throw new AnchorageError('invalidInput', vscode.l10n.t('The question is empty.'), vscode.l10n.t('Write one.'));
      }
      await this.#answer({ text: question, attachments: this.#pending.take(), edits: null });
    });
  }

  /** Asks an exchange anew, in its place: in other words, or (`text` empty) once more. Resolves as `ask` does. */
  async edit(exchangeId: string, text: string): Promise<void> {
    await this.#errors.ofSessions(async () => {
      this.#refuseWhileRunning();
      const edits = this.#session.shown.exchanges.find(({ id }) => id === exchangeId);
      if (edits === undefined || edits.isForgotten) {
        throw new AnchorageError(
          'invalidInput',
          vscode.l10n.t('The question that was to be asked anew is no longer in this session.'),
          vscode.l10n.t('Ask it below.'),
        );
      }
      await this.#answer({ text: text.trim() || edits.question, attachments: [], edits });
    });
  }

  /** Shows the branch through an exchange. */
  async selectBranch(exchangeId: string): Promise<void> {
    await this.#errors.ofSessions(async () => {
      this.#refuseWhileRunning();
      const { id } = this.#session.shown;
      if (id !== null) {
        this.#session.replace(await this.#assistant.selectBranch({ sessionId: id, exchangeId }));
        this.#postState();
      }
    });
  }

  /** Loads the model again that could not be loaded. */
  async retry(): Promise<void> {
    this.#errors.show(null);
    await this.#start.retry();
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

  /** Opens a session, on the branch with `exchangeId`; one that is open stays as it is, its running answer too. */
  async openSession(sessionId: string, exchangeId: string | null = null): Promise<void> {
    await this.#errors.ofSessions(async () => {
      if (sessionId === this.#session.shown.id && !this.#session.shows(sessionId, exchangeId)) {
        this.#refuseWhileRunning();
      }
      const view = await this.#session.fetch(sessionId, exchangeId);
      await (view === null ? undefined : this.#show(view));
    });
  }

  /** Attaches what is still being read: a question that is sent meanwhile waits for it. */
  async attachWhenRead(reading: Promise<readonly Attachment[]>): Promise<void> {
    const attached = reading.then((attachments) => {
      this.attach(attachments);
    });
    const attaching = Promise.allSettled([this.#attaching, attached]);
    this.#attaching = attaching;
    void attaching.then(() => {
      if (this.#attaching === attaching) {
        this.#attaching = null;
      }
    });
    await attached;
  }

  attach(attachments: readonly Attachment[]): void {
    this.#pending.add(attachments);
    this.#postState();
  }

  removeAttachment(id: string): void {
    this.#pending.remove(id);
    this.#postState();
  }

  async #answer(question: ChatQuestion): Promise<void> {
    const run = new AnswerRun(question, (message) => {
      if (this.#run === run) {
        this.#onDidPost.fire(message);
      }
    });
    this.#run = run;
    this.#errors.show(null);
    try {
      const sessionId = await this.#session.require(run.signal);
      const answer = await run.request(this.#assistant, sessionId, this.#samplingOf(question));
      if (this.#run === run) {
        this.#finish(run, answer);
      }
    } catch (error) {
      if (this.#run === run) {
        this.#putBack(run);
        throw error;
      }
    }
  }

  #samplingOf({ text, edits }: ChatQuestion): Question['sampling'] {
    const { settings } = this.#configuration;
    const isWhole = edits !== null && edits.stopReason !== 'cancelled';
    return isWhole && text === edits.question ? anotherSamplingOf(settings) : samplingOf(settings);
  }

  #finish(run: AnswerRun, answer: Answer): void {
    this.#run = null;
    this.#session.add(answer, run.running.edits);
    this.#errors.show(emptyAnswerError(answer.exchange));
  }

  #putBack({ question: { text, attachments, edits } }: AnswerRun): void {
    this.#run = null;
    this.#pending.add(attachments);
    this.#postState();
    if (edits === null) {
      this.prefill(text);
    }
  }

  async #show(view: SessionView): Promise<void> {
    this.#leaveRun();
    const shown = this.#session.show(view);
    this.#postState();
    await shown;
  }

  #refuseWhileRunning(): void {
    if (this.#run !== null) {
      throw new AnchorageError(
        'invalidInput',
        vscode.l10n.t('An answer is being written.'),
        vscode.l10n.t('Wait for it, or stop it.'),
      );
    }
  }

  #leaveRun(): void {
    this.stop();
    this.#run = null;
  }

  #postState(): void {
    this.#onDidPost.fire({ type: 'state', state: this.state });
  }
}
