import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Where the bundled page lies, the only folder that it may load from. */
export function pageFolder(extensionUri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
}

/** The page's shell. Its policy allows our own style sheet and script, and no connection, image, frame or inline code. */
export function chatHtml(webview: vscode.Webview, extensionUri: vscode.Uri): string {
  const folder = pageFolder(extensionUri);
  const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'chat.js'));
  const style = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'chat.css'));
  const nonce = randomBytes(16).toString('base64url');
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${style.toString()}">
    <title>Anchorage</title>
  </head>
  <body>
    <div id="root"></div>
    <script nonce="${nonce}" src="${script.toString()}"></script>
  </body>
</html>`;
}
