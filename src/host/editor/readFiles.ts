import * as vscode from 'vscode';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import type { Attachment } from '../../protocol/worker.ts';
import { readFile } from './textSource.ts';

/** So many files that cannot be read are named. */
const maxNamed = 5;

export interface FilesRead {
  readonly read: readonly Attachment[];
  /** Names the files that cannot be read, if there are any, for telling it after the others were used. */
  readonly problem: AnchorageError | null;
}

/** As `readFile`, for several files: one that cannot be read does not stop the others. */
export async function readFiles(uris: readonly vscode.Uri[], maxKibibytes: number): Promise<FilesRead> {
  const results = await Promise.allSettled(uris.map((uri) => readFile(uri, maxKibibytes)));
  const read = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const errors = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  return { read, problem: problemOf(errors) };
}

function problemOf(errors: readonly unknown[]): AnchorageError | null {
  const [first] = errors;
  if (first === undefined) {
    return null;
  }
  if (errors.length === 1 && AnchorageError.is(first)) {
    return first;
  }
  const named = errors.slice(0, maxNamed).map(messageOf);
  const more = errors.length - named.length;
  const rest = more > 0 ? [vscode.l10n.t('And {0} more.', more)] : [];
  const message = [vscode.l10n.t('Not every file was read.'), ...named, ...rest].join(' ');
  return new AnchorageError('fileUnreadable', message, vscode.l10n.t('Choose files that have text.'));
}
