import * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import { settingsSection } from '../../settings.ts';

interface MenuItem extends vscode.QuickPickItem {
  readonly command: string;
  readonly argument?: string;
}

/** The menu behind the status bar item. */
export class ShowMenuCommand implements Command {
  readonly id = 'anchorage.showMenu';

  async execute(): Promise<void> {
    const items: readonly MenuItem[] = [
      { label: `$(comment-discussion) ${vscode.l10n.t('Open chat')}`, command: 'anchorage.chat.focus' },
      { label: `$(history) ${vscode.l10n.t('Open an earlier session')}`, command: 'anchorage.chat.openSession' },
      { label: `$(debug-restart) ${vscode.l10n.t('Restart the worker')}`, command: 'anchorage.restartWorker' },
      { label: `$(pulse) ${vscode.l10n.t('Diagnose')}`, command: 'anchorage.diagnose' },
      { label: `$(output) ${vscode.l10n.t('Show log')}`, command: 'anchorage.showLog' },
      {
        label: `$(gear) ${vscode.l10n.t('Settings')}`,
        command: 'workbench.action.openSettings',
        argument: `${settingsSection}.`,
      },
    ];
    const item = await vscode.window.showQuickPick(items, { title: 'Anchorage' });
    if (item !== undefined) {
      await vscode.commands.executeCommand(item.command, ...(item.argument === undefined ? [] : [item.argument]));
    }
  }
}
