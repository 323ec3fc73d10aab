import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ReadProgress } from '../../protocol/webview.ts';
import type { Attachment } from '../../protocol/worker.ts';
import type { Answer, Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { isCancelled } from '../errorPresenter.ts';
import { samplingOf } from '../models/sampling.ts';
import type { VirtualDocuments } from '../virtualDocuments.ts';
import { failedSummary, finishedSummary, subjectOf, unfinishedSummary } from './summaryText.ts';

/** A summary's document, whole or as far as it was written when the user stopped it. */
export interface Summary {
  readonly uri: vscode.Uri;
  readonly isStopped: boolean;
}

/** Writes summaries into virtual documents, under a notification that shows how far the text was read and can cancel. */
export class Summarizer {
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #documents: VirtualDocuments;

  constructor(assistant: Assistant, configuration: Configuration, documents: VirtualDocuments) {
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#documents = documents;
  }

  /** Opens the summary's document and fills it. Resolves once it is whole, or was cancelled; fails as the worker does. */
  async summarize(source: Attachment): Promise<Summary> {
    const subject = subjectOf(source);
    const uri = this.#documents.create(vscode.l10n.t('Summary of {0}', subject));
    this.#documents.update(uri, unfinishedSummary(source, '', null));
    await this.#documents.show(uri, vscode.ViewColumn.Beside);
    const isStopped = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: vscode.l10n.t('Summarizing {0}', subject),
        cancellable: true,
      },
      async (progress, token) => {
        const abort = new AbortController();
        const listener = token.onCancellationRequested(() => {
          abort.abort();
        });
        try {
          return await this.#write(source, uri, reporter(progress), abort.signal);
        } finally {
          listener.dispose();
        }
      },
    );
    return { uri, isStopped };
  }

  /** As `summarize`, into a document that is there, without an interface. Resolves to whether it was stopped. */
  async #write(
    source: Attachment,
    uri: vscode.Uri,
    report: (read: ReadProgress) => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    let text = '';
    try {
      const { exchange } = await this.#ask(source, signal, {
        onRead: (read) => {
          report(read);
          this.#documents.update(uri, unfinishedSummary(source, text, read));
        },
        onToken: (token) => {
          text += token;
          this.#documents.update(uri, unfinishedSummary(source, text, null));
        },
      });
      const { status } = this.#assistant;
      this.#documents.update(uri, finishedSummary(source, exchange, status.state === 'ready' ? status.model : null));
      return exchange.stopReason === 'cancelled';
    } catch (error) {
      this.#documents.update(uri, failedSummary(source, text, error));
      if (!isCancelled(error)) {
        throw error;
      }
      return true;
    }
  }

  async #ask(source: Attachment, signal: AbortSignal, observer: Parameters<Assistant['ask']>[1]): Promise<Answer> {
    const session = await this.#assistant.createSession({ ephemeral: true }, signal);
    try {
      signal.throwIfAborted();
      return await this.#assistant.ask(
        {
          requestId: randomUUID(),
          sessionId: session.id,
          task: 'summarize',
          question: '',
          attachments: [source],
          sampling: samplingOf(this.#configuration.settings),
        },
        observer,
        signal,
      );
    } finally {
      // A worker that died has forgotten the session already.
      this.#assistant.deleteSession(session.id).catch(() => undefined);
    }
  }
}

function reporter(progress: vscode.Progress<{ message: string; increment: number }>): (read: ReadProgress) => void {
  let shown = 0;
  return ({ done, total }) => {
    const percent = total > 0 ? (100 * done) / total : 0;
    progress.report({ message: vscode.l10n.t('{0} of {1} tokens read', done, total), increment: percent - shown });
    shown = percent;
  };
}
