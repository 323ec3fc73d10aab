import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import type { SessionFormat } from '../../protocol/worker.ts';
import type { ExportedSession } from '../assistant.ts';

/** Largest file that is taken as a session, in bytes: far above any conversation, far below what would hurt the host. */
const maxBytes = 64_000_000;

/** How the user says which file. */
export interface FileDialogs {
  save(options: vscode.SaveDialogOptions): Thenable<vscode.Uri | undefined>;
  open(options: vscode.OpenDialogOptions): Thenable<readonly vscode.Uri[] | undefined>;
}

const editorDialogs: FileDialogs = {
  save: (options) => vscode.window.showSaveDialog(options),
  open: (options) => vscode.window.showOpenDialog(options),
};

/** Sessions as files of the user's: where they are written to and taken from is the user's choice. */
export class SessionFiles {
  readonly #dialogs: FileDialogs;

  constructor(dialogs = editorDialogs) {
    this.#dialogs = dialogs;
  }

  /** Writes an exported session, unless the user thinks better of it. */
  async save({ fileName, text }: ExportedSession, format: SessionFormat): Promise<void> {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
    const uri = await this.#dialogs.save({
      title: vscode.l10n.t('Export the session'),
      defaultUri: vscode.Uri.joinPath(folder, fileName),
      filters: format === 'json' ? { JSON: ['json'] } : { Markdown: ['md'] },
    });
    if (uri === undefined) {
      return;
    }
    try {
      await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    } catch (error) {
      throw new AnchorageError(
        'storageUnavailable',
        vscode.l10n.t('{0} could not be written: {1}', nameOf(uri), messageOf(error)),
        vscode.l10n.t('Choose another place.'),
        { cause: error },
      );
    }
    void offerToOpen(uri);
  }

  /** The text of a file that the user picks; null where they pick none. */
  async pick(): Promise<string | null> {
    const uris = await this.#dialogs.open({
      title: vscode.l10n.t('Import a session'),
      openLabel: vscode.l10n.t('Import'),
      filters: { JSON: ['json'] },
    });
    const uri = uris?.[0];
    return uri === undefined ? null : await textOf(uri);
  }
}

async function textOf(uri: vscode.Uri): Promise<string> {
  const remedy = vscode.l10n.t('Choose a file that Anchorage exported.');
  try {
    // Its size is asked first: a file that is far too large is not read at all.
    const { size } = await vscode.workspace.fs.stat(uri);
    if (size <= maxBytes) {
      return new TextDecoder('utf-8', { fatal: true }).decode(await vscode.workspace.fs.readFile(uri));
    }
  } catch (error) {
    const message = vscode.l10n.t('{0} could not be read: {1}', nameOf(uri), messageOf(error));
    throw new AnchorageError('fileUnreadable', message, remedy, { cause: error });
  }
  const message = vscode.l10n.t('{0} is too large for a session: {1} MB at most.', nameOf(uri), maxBytes / 1_000_000);
  throw new AnchorageError('invalidInput', message, remedy);
}

async function offerToOpen(uri: vscode.Uri): Promise<void> {
  const open = vscode.l10n.t('Open');
  const picked = await vscode.window.showInformationMessage(vscode.l10n.t('Exported to {0}.', nameOf(uri)), open);
  if (picked === open) {
    await vscode.commands.executeCommand('vscode.open', uri);
  }
}

function nameOf(uri: vscode.Uri): string {
  return vscode.workspace.asRelativePath(uri, false);
}
