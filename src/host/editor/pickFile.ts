import * as vscode from 'vscode';
import { displayPath } from './textSource.ts';

/** So many files are offered; in a larger workspace the explorer's menu reaches the rest. */
const maxFiles = 5000;

interface FileItem extends vscode.QuickPickItem {
  readonly uri?: vscode.Uri;
}

/** Lets the user pick a file: the open ones first, then those of the workspace. */
export async function pickFile(title: string): Promise<vscode.Uri | undefined> {
  const item = await vscode.window.showQuickPick(fileItems(), { title, matchOnDescription: true });
  return item?.uri;
}

async function fileItems(): Promise<FileItem[]> {
  const open = vscode.window.tabGroups.all.flatMap((group) =>
    group.tabs.flatMap((tab) => (tab.input instanceof vscode.TabInputText ? [tab.input.uri] : [])),
  );
  const shown = new Set(open.map(String));
  const found = await vscode.workspace.findFiles('**/*', undefined, maxFiles);
  const others = found.filter((uri) => !shown.has(uri.toString())).sort((a, b) => a.path.localeCompare(b.path));
  return [...open, ...others].map((uri) => ({
    uri,
    label: uri.path.slice(uri.path.lastIndexOf('/') + 1),
    description: displayPath(uri),
  }));
}
