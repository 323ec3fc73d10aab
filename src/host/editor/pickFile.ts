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
  return (await filesToPick()).map((uri) => ({
    uri,
    label: uri.path.slice(uri.path.lastIndexOf('/') + 1),
    description: displayPath(uri),
  }));
}

/** The open files, then those of the workspace that the editor's own search finds too; each once. */
export async function filesToPick(): Promise<readonly vscode.Uri[]> {
  const open = vscode.window.tabGroups.all.flatMap((group) =>
    group.tabs.flatMap((tab) => (tab.input instanceof vscode.TabInputText ? [tab.input.uri] : [])),
  );
  const found = await vscode.workspace.findFiles('**/*', excluded(), maxFiles);
  const sorted = found.sort((a, b) => a.path.localeCompare(b.path));
  // A file may be open in two groups.
  return [...new Map([...open, ...sorted].map((uri) => [uri.toString(), uri])).values()];
}

/** What is hidden and what is not searched: `node_modules`, unless the user has it searched. */
function excluded(): string {
  const globs = ['files.exclude', 'search.exclude'].flatMap((name) =>
    Object.entries(vscode.workspace.getConfiguration().get<Record<string, unknown>>(name, {})),
  );
  // The value of one that depends on other files is an object.
  return `{${globs.flatMap(([glob, value]) => (value === true ? [glob] : [])).join(',')}}`;
}
