import * as vscode from 'vscode';
import type { ReadProgress } from '../../protocol/webview.ts';
import type { Attachment, Exchange, ModelInfo } from '../../protocol/worker.ts';
import { escapeMarkdown, withClosedCode } from '../answerMarkdown.ts';
import { lineCount } from '../editor/lines.ts';
import { chatErrorOf, isCancelled } from '../errorPresenter.ts';

/** What a summary is of, as its title names it. */
export function subjectOf({ kind, path, startLine, text }: Attachment): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const last = startLine + lineCount(text) - 1;
  return kind === 'file' ? name : vscode.l10n.t('{0}, lines {1}–{2}', name, startLine, last);
}

/** A summary's document while it is made. */
export function unfinishedSummary(source: Attachment, text: string, progress: ReadProgress | null): string {
  const state =
    progress === null
      ? vscode.l10n.t('Waiting for the model…')
      : vscode.l10n.t('Reading {0} of {1} tokens…', progress.done, progress.total);
  return page(source, text === '' ? `_${state}_` : text);
}

/** A finished summary's document: the text, and what was read and is held of it. */
export function finishedSummary(
  source: Attachment,
  { answer, stopReason, usage }: Exchange,
  model: ModelInfo | null,
): string {
  const notes = [
    vscode.l10n.t(
      'Read {0} tokens of `{1}`. The model held {2} key/value rows of them; full caching holds {3}.',
      usage.promptTokens,
      source.path,
      usage.kvRows,
      usage.kvRowsFull,
    ),
    vscode.l10n.t(
      'Reading took {0} s, writing {1} tokens {2} s.',
      (usage.prefillMs / 1000).toFixed(1),
      usage.answerTokens,
      (usage.decodeMs / 1000).toFixed(1),
    ),
    model === null ? '' : vscode.l10n.t('{0}, {1}, {2}.', model.name, model.variant, model.executionProvider),
    stopReason === 'cancelled' ? vscode.l10n.t('**Stopped before its end.**') : '',
    stopReason === 'maxTokens' ? vscode.l10n.t('**Cut off at the setting {0}.**', '`anchorage.answer.maxTokens`') : '',
  ];
  const text = answer.trim() === '' ? `_${vscode.l10n.t('The model ended without an answer.')}_` : answer;
  return page(source, text, notes.filter(Boolean).join(' '));
}

/** The document of a summary that failed or was stopped: what was written of it, and why it ended. */
export function failedSummary(source: Attachment, text: string, error: unknown): string {
  const { message, remedy } = isCancelled(error)
    ? { message: vscode.l10n.t('Stopped before the answer.'), remedy: '' }
    : chatErrorOf(error);
  return page(source, text, `**${message}** ${remedy}`.trimEnd());
}

function page(source: Attachment, body: string, footer = ''): string {
  const title = `# ${vscode.l10n.t('Summary of {0}', escapeMarkdown(subjectOf(source)))}`;
  return `${[title, withClosedCode(body.trim()), footer && `---\n\n${footer}`].filter(Boolean).join('\n\n')}\n`;
}
