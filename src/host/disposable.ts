import type * as vscode from 'vscode';

/** Base of every long-lived object: what it registers is disposed of with it, last registered first. */
export abstract class Disposable implements vscode.Disposable {
  readonly #registered: vscode.Disposable[] = [];
  #disposed = false;

  get isDisposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    if (this.#disposed) {
      return;
    }
    this.#disposed = true;
    for (const disposable of this.#registered.splice(0).reverse()) {
      disposable.dispose();
    }
  }

  protected register<T extends vscode.Disposable>(disposable: T): T {
    if (this.#disposed) {
      disposable.dispose();
    } else {
      this.#registered.push(disposable);
    }
    return disposable;
  }
}
