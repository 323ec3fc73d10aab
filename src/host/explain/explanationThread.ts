import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ReadProgress } from '../../protocol/webview.ts';
import type { Attachment } from '../../protocol/worker.ts';
import { answerMarkdown, withClosedCode } from '../answerMarkdown.ts';
import type { Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import { chatErrorOf, isCancelled } from '../errorPresenter.ts';
import { samplingOf } from '../models/sampling.ts';
import { Throttle } from '../throttle.ts';

/** A comment is redrawn at most this often while it is written. */
const redrawIntervalMs = 100;

/** What the thread's menus go by (`commentThread` in the manifest's `when` clauses). */
type ThreadContext = 'running' | 'answered' | 'failed';

/** A question of the thread and the comment that answers it. The first one is worded by the worker. */
interface Turn {
  readonly question: string;
  readonly comment: { body: string | vscode.MarkdownString };
}

/** One explanation beside its code: a comment thread, and a session that is forgotten with it. */
export class ExplanationThread extends Disposable {
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #thread: vscode.CommentThread;
  readonly #code: Attachment;
  readonly #redraw = this.register(
    new Throttle(redrawIntervalMs, () => {
      this.#draw();
    }),
  );
  #comments: readonly vscode.Comment[] = [];
  #session: Promise<string> | undefined;
  /** The session has read the code; a session that failed is left for a new one, which reads it again. */
  #codeRead = false;
  #running: AbortController | undefined;
  #last: Turn | undefined;

  constructor(assistant: Assistant, configuration: Configuration, thread: vscode.CommentThread, code: Attachment) {
    super();
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#thread = thread;
    this.#code = code;
    this.register({
      dispose: () => {
        thread.dispose();
      },
    });
    this.register({ dispose: () => void this.#leaveSession() });
    this.register({
      dispose: () => {
        this.stop();
      },
    });
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Explains the code. Resolves when the answer is whole, was stopped, or failed (the comment then says why). */
  async explain(): Promise<void> {
    await this.#answer('');
  }

  /** Asks a further question about the same code. */
  async reply(question: string): Promise<void> {
    this.#comments = [...this.#comments, comment(vscode.l10n.t('You'), question)];
    await this.#answer(question);
  }

  /** Asks the question again that failed. */
  async retry(): Promise<void> {
    if (this.#last !== undefined && !this.isRunning) {
      await this.#run(this.#last);
    }
  }

  stop(): void {
    this.#running?.abort();
  }

  async #answer(question: string): Promise<void> {
    const answer = comment('Anchorage', '');
    this.#comments = [...this.#comments, answer];
    await this.#run({ question, comment: answer });
  }

  async #run(turn: Turn): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    this.#last = turn;
    this.#setContext('running');
    this.#write(turn, italic(vscode.l10n.t('Waiting for the model…')));
    let text = '';
    try {
      const sessionId = await this.#openSession(running.signal);
      running.signal.throwIfAborted();
      const { exchange } = await this.#assistant.ask(
        {
          requestId: randomUUID(),
          sessionId,
          task: 'explain',
          question: turn.question,
          attachments: this.#codeRead ? [] : [this.#code],
          sampling: samplingOf(this.#configuration.settings),
        },
        {
          onRead: (progress) => {
            this.#write(turn, italic(readingText(progress)));
          },
          onToken: (token) => {
            this.#write(turn, (text += token));
          },
        },
        running.signal,
      );
      this.#codeRead = true;
      this.#end(
        'answered',
        turn,
        exchange.stopReason === 'cancelled' ? stopped(exchange.answer) : whole(exchange.answer),
      );
    } catch (error) {
      if (isCancelled(error)) {
        this.#end('answered', turn, stopped(text));
      } else {
        void this.#leaveSession();
        const { message, remedy } = chatErrorOf(error);
        this.#end('failed', turn, withNote(text, `**${message}** ${remedy}`));
      }
    }
  }

  async #openSession(signal: AbortSignal): Promise<string> {
    this.#session ??= this.#assistant.createSession({ ephemeral: true }, signal).then(({ id }) => id);
    try {
      return await this.#session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  async #leaveSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#codeRead = false;
    try {
      const sessionId = await session;
      if (sessionId !== undefined) {
        await this.#assistant.deleteSession(sessionId);
      }
    } catch {
      // The worker is gone, and the session with it.
    }
  }

  #end(context: ThreadContext, turn: Turn, text: string): void {
    this.#running = undefined;
    if (!this.isDisposed) {
      this.#setContext(context);
      this.#write(turn, text);
      this.#redraw.flush();
    }
  }

  #setContext(context: ThreadContext): void {
    this.#thread.contextValue = context;
    this.#thread.canReply = context === 'answered';
  }

  #write(turn: Turn, text: string): void {
    turn.comment.body = new vscode.MarkdownString(answerMarkdown(text));
    if (!this.isDisposed) {
      this.#redraw.request();
    }
  }

  /** VS Code redraws a thread when its list is another one, not when a comment of it changes. */
  #draw(): void {
    this.#thread.comments = [...this.#comments];
  }
}

function comment(author: string, text: string): vscode.Comment {
  return { author: { name: author }, body: text, mode: vscode.CommentMode.Preview };
}

function readingText({ done, total }: ReadProgress): string {
  return vscode.l10n.t('Reading {0} of {1} tokens…', done, total);
}

function whole(text: string): string {
  return text.trim() === '' ? italic(vscode.l10n.t('The model ended without an answer. Ask in other words.')) : text;
}

function stopped(text: string): string {
  return withNote(text, italic(vscode.l10n.t('Stopped.')));
}

function withNote(text: string, note: string): string {
  return [withClosedCode(text), note].filter(Boolean).join('\n\n');
}

function italic(text: string): string {
  return `_${text}_`;
}
