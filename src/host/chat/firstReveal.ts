import * as vscode from 'vscode';
import { ChatViewProvider } from './chatViewProvider.ts';

const key = 'anchorage.chat.revealed';

/** Shows the chat once after the installation, so that it is found. The focus stays where it is: the page takes none from the editor. */
export async function revealChatOnce({ globalState, extensionMode }: vscode.ExtensionContext): Promise<void> {
  if (extensionMode === vscode.ExtensionMode.Test || globalState.get(key) === true) {
    return;
  }
  await globalState.update(key, true);
  await vscode.commands.executeCommand(`${ChatViewProvider.viewId}.focus`, { preserveFocus: true });
}
