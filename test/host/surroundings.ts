import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Configuration } from '../../src/host/configuration.ts';
import { LastSession } from '../../src/host/chat/lastSession.ts';

/** What every surface is built with besides the assistant; disposed of after each test. */
export class Surroundings {
  readonly log = vscode.window.createOutputChannel('Anchorage test', { log: true });
  readonly configuration = new Configuration(this.log);
  readonly memento = new MemoryMemento();
  readonly lastSession = new LastSession(this.memento);
  readonly #disposables: vscode.Disposable[] = [this.log, this.configuration];

  add<T extends vscode.Disposable>(disposable: T): T {
    this.#disposables.push(disposable);
    return disposable;
  }

  dispose(): void {
    for (const disposable of this.#disposables.splice(0).reverse()) {
      disposable.dispose();
    }
  }
}

class MemoryMemento implements vscode.Memento {
  readonly #values = new Map<string, unknown>();

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  get<T>(key: string): T | undefined;
  get<T>(key: string, defaultValue: T): T;
  get(key: string, defaultValue?: unknown): unknown {
    return this.#values.get(key) ?? defaultValue;
  }

  update(key: string, value: unknown): Promise<void> {
    this.#values.set(key, value);
    return Promise.resolve();
  }
}

/** Waits until a condition holds; fails with its description after the time. */
export async function eventually(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The text of a comment, whatever its form. */
export function bodyOf(comment: vscode.Comment | undefined): string {
  assert.ok(comment, 'there is no such comment');
  return typeof comment.body === 'string' ? comment.body : comment.body.value;
}

/** A file of the workspace that the suite runs in. */
export function workspaceFile(name: string): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, 'the suite needs a workspace folder');
  return vscode.Uri.joinPath(folder.uri, name);
}

/** Writes a file into the workspace, a copy that only this run has, and removes it with the surroundings. */
export async function writeWorkspaceFile(
  surroundings: Surroundings,
  name: string,
  bytes: Uint8Array | string,
): Promise<vscode.Uri> {
  const uri = workspaceFile(name);
  await vscode.workspace.fs.writeFile(uri, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
  surroundings.add({ dispose: () => void vscode.workspace.fs.delete(uri).then(undefined, () => undefined) });
  return uri;
}

/** Opens untitled text in an editor and selects nothing. */
export async function openText(content: string, language = 'plaintext'): Promise<vscode.TextEditor> {
  const document = await vscode.workspace.openTextDocument({ content, language });
  return await vscode.window.showTextDocument(document);
}
