import * as vscode from 'vscode';

/** Files that hold secrets by their name: their text is not read, and nothing made of it stored, unless it is attached. */
const secretName =
  /(?:^|\/)(?:\.env(?:\..*)?|\.netrc|\.npmrc|\.pypirc|id_(?:rsa|dsa|ecdsa|ed25519)|[^/]*\.(?:pem|key|p12|pfx|kdbx|env))$/i;

/** So many documents are taken: more are open in few editors, and the worker keeps no more. */
const maxDocuments = 64;

/** Whether a document may be read without having been asked for: a file of the workspace, and not one of secrets. */
export function canBeIndexed({ uri, isClosed }: vscode.TextDocument): boolean {
  if (isClosed || uri.scheme !== 'file' || secretName.test(uri.path)) {
    return false;
  }
  const { workspaceFolders = [] } = vscode.workspace;
  return workspaceFolders.length === 0 || vscode.workspace.getWorkspaceFolder(uri) !== undefined;
}

/**
 * The documents in the tabs that can be indexed and were loaded: the active one first, then the visible ones, then the
 * others. Documents that extensions opened for themselves are not among them.
 */
export function openDocuments(): readonly vscode.TextDocument[] {
  const active = vscode.window.activeTextEditor?.document;
  const visible = vscode.window.visibleTextEditors.map(({ document }) => document);
  const inTabs = new Set(
    vscode.window.tabGroups.all.flatMap((group) =>
      group.tabs.flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri.toString()] : [])),
    ),
  );
  const others = vscode.workspace.textDocuments;
  const ordered = new Set([...(active === undefined ? [] : [active]), ...visible, ...others]);
  return [...ordered]
    .filter((document) => inTabs.has(document.uri.toString()) && canBeIndexed(document))
    .slice(0, maxDocuments);
}
