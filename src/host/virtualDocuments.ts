import * as vscode from 'vscode';
import { answerMarkdown } from './answerMarkdown.ts';
import { Disposable } from './disposable.ts';
import { Throttle } from './throttle.ts';

/** Editors redraw a growing document at most this often. */
const updateIntervalMs = 120;
/** The editor that VS Code's own Markdown support shows rendered documents in. */
const renderedEditor = 'vscode.markdown.preview.editor';

/**
 * Read-only Markdown documents of one scheme, held while an editor shows them, that can grow while they are shown. What
 * they hold of others (an answer, a path, a setting) is safe to render, because all of it is made so here.
 */
export class VirtualDocuments extends Disposable implements vscode.TextDocumentContentProvider {
  readonly scheme: string;
  readonly #onDidChange = this.register(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.#onDidChange.event;
  readonly #documents = new Map<string, { text: string; readonly throttle: Throttle }>();
  #count = 0;

  constructor(scheme: string) {
    super();
    this.scheme = scheme;
    this.register(vscode.workspace.registerTextDocumentContentProvider(scheme, this));
    this.register(
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.#forget(document.uri);
      }),
    );
    this.register({
      dispose: () => {
        this.#documents.forEach(({ throttle }) => {
          throttle.dispose();
        });
      },
    });
  }

  /** Makes an empty document. `title` is the name of its tab. */
  create(title: string): vscode.Uri {
    const name = title.replaceAll(/[\\/]/g, '∕');
    const uri = vscode.Uri.from({ scheme: this.scheme, path: `/${++this.#count}/${name}.md` });
    const throttle = new Throttle(updateIntervalMs, () => {
      this.#onDidChange.fire(uri);
    });
    this.#documents.set(uri.toString(), { text: '', throttle });
    return uri;
  }

  /** Replaces a document's text. One that was closed is not missed. */
  update(uri: vscode.Uri, text: string): void {
    const document = this.#documents.get(uri.toString());
    if (document !== undefined) {
      document.text = text;
      document.throttle.request();
    }
  }

  /** Shows a document rendered, or as text where Markdown support is switched off. The focus stays where it is. */
  async show(uri: vscode.Uri, viewColumn: vscode.ViewColumn): Promise<void> {
    const document = await vscode.workspace.openTextDocument(uri);
    const options = { viewColumn, preserveFocus: true, preview: false };
    try {
      await vscode.commands.executeCommand('vscode.openWith', uri, renderedEditor, options);
    } catch {
      await vscode.window.showTextDocument(document, options);
    }
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    // An editor that VS Code restores after a reload asks for a document of the window before.
    return answerMarkdown(
      this.#documents.get(uri.toString())?.text ??
        vscode.l10n.t('This document was not kept when its window closed. Run the command again.'),
    );
  }

  #forget(uri: vscode.Uri): void {
    this.#documents.get(uri.toString())?.throttle.dispose();
    this.#documents.delete(uri.toString());
  }
}
