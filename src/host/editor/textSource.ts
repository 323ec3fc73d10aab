import * as vscode from 'vscode';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import type { Attachment } from '../../protocol/worker.ts';
import { settingsSection } from '../settings.ts';
import { withoutEmptyLastLine } from './lines.ts';
import { symbolLinesOf } from './symbolLines.ts';

/** Bytes in which a zero byte tells a binary file, as git and VS Code do. */
const binaryProbeBytes = 8192;
const kibibyte = 1024;

/**
 * The text of a range of a document. Fails with `invalidInput` where it is blank, with `contextTooLong` where it is larger
 * than the limit.
 * @param maxKibibytes the setting `files.maxSize`
 */
export function readRange(document: vscode.TextDocument, selected: vscode.Range, maxKibibytes: number): Attachment {
  const range = withoutEmptyLastLine(document, selected);
  const text = document.getText(range);
  const path = displayPath(document.uri);
  if (text.trim() === '') {
    throw new AnchorageError(
      'invalidInput',
      vscode.l10n.t('The selection in {0} is empty.', path),
      vscode.l10n.t('Select the text first.'),
    );
  }
  requireSize(Buffer.byteLength(text), vscode.l10n.t('The selection in {0}', path), maxKibibytes);
  const { languageId } = document;
  // No language server is asked: a selection is about its lines, and is read whole unless it is long.
  return { kind: 'selection', path, languageId, startLine: range.start.line + 1, text, symbolLines: [] };
}

/**
 * The text of a whole file: as it stands in the editor if it is open, else from the disk.
 * Fails, naming the file, with `fileUnreadable` (missing, a folder), `fileInvalid` (binary, undecodable), `invalidInput` (empty)
 * or `contextTooLong` (larger than the limit).
 * @param maxKibibytes the setting `files.maxSize`
 */
export async function readFile(uri: vscode.Uri, maxKibibytes: number): Promise<Attachment> {
  const path = displayPath(uri);
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  const document = open ?? (await openFromDisk(uri, path, maxKibibytes));
  const text = document.getText();
  requireSize(Buffer.byteLength(text), path, maxKibibytes);
  if (text.trim() === '') {
    throw new AnchorageError(
      'invalidInput',
      vscode.l10n.t('{0} is empty: there is nothing to read.', path),
      vscode.l10n.t('Choose a file that has text.'),
    );
  }
  const symbolLines = [...(await symbolLinesOf(document))];
  return { kind: 'file', path, languageId: document.languageId, startLine: 1, text, symbolLines };
}

/** How a document is named to the user and the model: from the workspace folder on where possible. */
export function displayPath(uri: vscode.Uri): string {
  return uri.scheme === 'untitled' ? uri.path : vscode.workspace.asRelativePath(uri);
}

async function openFromDisk(uri: vscode.Uri, path: string, maxKibibytes: number): Promise<vscode.TextDocument> {
  const bytes = await readBytes(uri, path, maxKibibytes);
  if (isBinary(bytes)) {
    throw new AnchorageError(
      'fileInvalid',
      vscode.l10n.t('{0} is a binary file.', path),
      vscode.l10n.t('Choose a file that has text.'),
    );
  }
  let document: vscode.TextDocument;
  try {
    document = await vscode.workspace.openTextDocument(uri);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (document.getText().includes('\uFFFD') && !isUtf8(bytes)) {
    throw new AnchorageError(
      'fileInvalid',
      vscode.l10n.t('{0} is not valid {1} text.', path, document.encoding),
      vscode.l10n.t('Open it, choose its encoding with "Change File Encoding", and try again.'),
    );
  }
  return document;
}

async function readBytes(uri: vscode.Uri, path: string, maxKibibytes: number): Promise<Uint8Array> {
  try {
    const stat = await vscode.workspace.fs.stat(uri);
    if ((stat.type & vscode.FileType.Directory) !== 0) {
      throw new AnchorageError(
        'fileUnreadable',
        vscode.l10n.t('{0} is a folder.', path),
        vscode.l10n.t('Choose a file.'),
      );
    }
    requireSize(stat.size, path, maxKibibytes);
    return await vscode.workspace.fs.readFile(uri);
  } catch (cause) {
    throw AnchorageError.is(cause) ? cause : unreadable(path, cause);
  }
}

function requireSize(bytes: number, what: string, maxKibibytes: number): void {
  if (bytes > maxKibibytes * kibibyte) {
    throw new AnchorageError(
      'contextTooLong',
      vscode.l10n.t('{0} has {1} KiB; at most {2} KiB are read.', what, Math.ceil(bytes / kibibyte), maxKibibytes),
      vscode.l10n.t('Select a part of it, or raise the setting {0}.', `${settingsSection}.files.maxSize`),
    );
  }
}

function unreadable(path: string, cause: unknown): AnchorageError {
  return new AnchorageError(
    'fileUnreadable',
    vscode.l10n.t('{0} cannot be read: {1}', path, messageOf(cause)),
    vscode.l10n.t('Check that it exists and that you may read it.'),
    { cause },
  );
}

function isBinary(bytes: Uint8Array): boolean {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  return !utf16 && bytes.subarray(0, binaryProbeBytes).includes(0);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
