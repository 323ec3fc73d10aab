import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Disposable } from '../../src/host/disposable.ts';
import { Configuration } from '../../src/host/configuration.ts';
import { LastSession } from '../../src/host/chat/lastSession.ts';

/** One for the whole suite: a channel that is made again under its name while the last one closes cannot be written to. */
const log = vscode.window.createOutputChannel('Anchorage test', { log: true });

/** What every surface is built with besides the assistant; disposed of after each test. */
export class Surroundings extends Disposable {
  readonly log = log;
  readonly configuration = this.register(new Configuration(this.log));
  readonly lastSession = new LastSession(memoryMemento());

  add<T extends vscode.Disposable>(disposable: T): T {
    return this.register(disposable);
  }
}

/** A memento that lives as long as its test. */
function memoryMemento(): vscode.Memento {
  const values = new Map<string, unknown>();
  return {
    keys: () => [...values.keys()],
    get: (key: string) => values.get(key),
    update: (key, value) => Promise.resolve(void values.set(key, value)),
  };
}

/** Waits until a condition holds (an assertion that fails in it is one that does not hold yet); fails with its description after the time. */
export async function eventually(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  const isSo = (): boolean => {
    try {
      return holds();
    } catch (error) {
      if (error instanceof assert.AssertionError) {
        return false;
      }
      throw error;
    }
  };
  while (!isSo()) {
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
