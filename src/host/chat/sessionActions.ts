import type { ToWebviewMessage } from '../../protocol/webview.ts';
import type { SessionFormat, SessionView } from '../../protocol/worker.ts';
import type { Assistant } from '../assistant.ts';
import type { ActionErrors } from './actionErrors.ts';
import type { SessionFiles } from './sessionFiles.ts';

/** What the stored sessions' actions change of the chat. */
export interface SessionActionsChat {
  post(message: ToWebviewMessage.Type): void;
  /** Shows a new session in place of this one, if it is shown. */
  leave(sessionId: string): Promise<void>;
  show(view: SessionView): Promise<void>;
  renamed(sessionId: string, title: string): void;
}

/** What the user does with the stored sessions. Errors go into the chat's state. */
export class SessionActions {
  readonly #assistant: Assistant;
  readonly #errors: ActionErrors;
  readonly #files: SessionFiles;
  readonly #chat: SessionActionsChat;
  /** Counts searches: an answer that comes after the next search was begun is of no use. */
  #searches = 0;

  constructor(assistant: Assistant, errors: ActionErrors, files: SessionFiles, chat: SessionActionsChat) {
    this.#assistant = assistant;
    this.#errors = errors;
    this.#files = files;
    this.#chat = chat;
  }

  async list(): Promise<void> {
    await this.#errors.ofSessions(() => this.#postSessions());
  }

  async search(query: string): Promise<void> {
    const search = ++this.#searches;
    await this.#errors.aside(async () => {
      const hits = await this.#assistant.searchSessions(query);
      if (search === this.#searches) {
        this.#chat.post({ type: 'found', query, hits });
      }
    });
  }

  async rename(sessionId: string, title: string): Promise<void> {
    await this.#errors.ofSessions(async () => {
      await this.#assistant.renameSession(sessionId, title);
      this.#chat.renamed(sessionId, title);
      await this.#postSessions();
    });
  }

  async delete(sessionId: string): Promise<void> {
    await this.#errors.ofSessions(async () => {
      await this.#chat.leave(sessionId);
      await this.#assistant.deleteSession(sessionId);
      await this.#postSessions();
    });
  }

  /** Writes a session into a file that the user chooses. */
  async export(sessionId: string, format: SessionFormat): Promise<void> {
    await this.#errors.ofSessions(async () => {
      await this.#files.save(await this.#assistant.exportSession(sessionId, format), format);
    });
  }

  /** Takes a session from a file that the user chooses, and shows it. */
  async import(): Promise<void> {
    await this.#errors.ofSessions(async () => {
      const text = await this.#files.pick();
      if (text !== null) {
        await this.#chat.show(await this.#assistant.importSession(text));
        await this.#postSessions();
      }
    });
  }

  async #postSessions(): Promise<void> {
    this.#chat.post({ type: 'sessions', sessions: await this.#assistant.listSessions() });
  }
}
