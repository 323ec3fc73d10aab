import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import type { Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import { codeTargetAt } from '../editor/codeTarget.ts';
import { readRange } from '../editor/textSource.ts';
import { ExplanationThread } from './explanationThread.ts';

/** The explanations that are shown beside code. */
export class ExplainController extends Disposable {
  static readonly defaultId = 'anchorage.explain';
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #comments: vscode.CommentController;
  readonly #threads = new Map<vscode.CommentThread, ExplanationThread>();

  #runs = 0;

  /** @param id of the comment controller, which the manifest's menus go by */
  constructor(assistant: Assistant, configuration: Configuration, id: string = ExplainController.defaultId) {
    super();
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#comments = this.register(vscode.comments.createCommentController(id, 'Anchorage'));
    this.#comments.options = {
      prompt: vscode.l10n.t('Ask about this code'),
      placeHolder: vscode.l10n.t('Ask about this code'),
    };
    this.register({
      dispose: () => {
        this.#threads.forEach((thread) => {
          thread.dispose();
        });
      },
    });
  }

  get threads(): readonly vscode.CommentThread[] {
    return [...this.#threads.keys()];
  }

  /** Opens a thread at the code and streams its explanation. Resolves when that ends. */
  async explain(document: vscode.TextDocument, selection: vscode.Range): Promise<vscode.CommentThread> {
    const { range, label } = await codeTargetAt(document, selection);
    const code = readRange(document, range, this.#configuration.settings['files.maxSize']);
    const thread = this.#comments.createCommentThread(document.uri, range, []);
    thread.label = vscode.l10n.t('Explanation of {0}', label);
    thread.collapsibleState = vscode.CommentThreadCollapsibleState.Expanded;
    const explanation = new ExplanationThread(this.#assistant, this.#configuration, thread, code);
    this.#threads.set(thread, explanation);
    await this.#running(explanation.explain());
    return thread;
  }

  async reply(thread: vscode.CommentThread, question: string): Promise<void> {
    const explanation = this.#require(thread);
    if (explanation.isRunning || question.trim() === '') {
      throw new AnchorageError(
        'invalidInput',
        explanation.isRunning
          ? vscode.l10n.t('The explanation is still being written.')
          : vscode.l10n.t('The question is empty.'),
        explanation.isRunning ? vscode.l10n.t('Wait for it, or stop it.') : vscode.l10n.t('Write one.'),
      );
    }
    await this.#running(explanation.reply(question));
  }

  async retry(thread: vscode.CommentThread): Promise<void> {
    await this.#running(this.#require(thread).retry());
  }

  /** Stops one explanation, or all where none is named. */
  stop(thread?: vscode.CommentThread): void {
    const stopped = thread === undefined ? [...this.#threads.values()] : [this.#require(thread)];
    stopped.forEach((explanation) => {
      explanation.stop();
    });
  }

  delete(thread: vscode.CommentThread): void {
    this.#require(thread).dispose();
    this.#threads.delete(thread);
  }

  /** Keeps the palette's Stop enabled while there is something to stop. */
  async #running(work: Promise<void>): Promise<void> {
    this.#count(1);
    await work;
    this.#count(-1);
  }

  #count(change: 1 | -1): void {
    this.#runs += change;
    void vscode.commands.executeCommand('setContext', 'anchorage.explain.running', this.#runs > 0);
  }

  #require(thread: vscode.CommentThread): ExplanationThread {
    const explanation = this.#threads.get(thread);
    if (explanation === undefined) {
      throw new AnchorageError(
        'invalidInput',
        vscode.l10n.t('This comment is not an explanation of Anchorage, or it was deleted.'),
        vscode.l10n.t('Select the code and explain it again.'),
      );
    }
    return explanation;
  }
}
