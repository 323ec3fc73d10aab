import type * as vscode from 'vscode';

/** Runs an action at most once in an interval: at once when idle, else at the interval's end. */
export class Throttle implements vscode.Disposable {
  readonly #intervalMs: number;
  readonly #action: () => void;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;

  constructor(intervalMs: number, action: () => void) {
    this.#intervalMs = intervalMs;
    this.#action = action;
  }

  request(): void {
    if (this.#timer !== undefined) {
      this.#wanted = true;
      return;
    }
    this.#action();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#wanted) {
        this.#wanted = false;
        this.request();
      }
    }, this.#intervalMs);
  }

  /** Runs the action now and forgets what waits. */
  flush(): void {
    this.dispose();
    this.#action();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wanted = false;
  }
}
