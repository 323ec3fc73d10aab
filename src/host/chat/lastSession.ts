import type * as vscode from 'vscode';

const key = 'anchorage.chat.sessionId';

/** Which session the chat shows, kept over a restart of the editor. */
export class LastSession {
  readonly #memento: vscode.Memento;

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  get id(): string | null {
    const id: unknown = this.#memento.get(key);
    return typeof id === 'string' ? id : null;
  }

  async remember(sessionId: string | null): Promise<void> {
    await this.#memento.update(key, sessionId ?? undefined);
  }
}
