import type { ToWebviewMessage } from '../../protocol/webview.ts';
import type { SequenceAction } from '../../protocol/worker.ts';
import type { Assistant } from '../assistant.ts';
import type { ActionErrors } from './actionErrors.ts';
import type { CurrentSession } from './currentSession.ts';

/** Longest text of a sequence that the page is given, in UTF-16 units: it shows it in a few lines that scroll. */
const maxText = 20_000;

/** What the user does with the sequences of the session that is shown. Errors go into the chat's state. */
export class SequenceActions {
  readonly #assistant: Assistant;
  readonly #errors: ActionErrors;
  readonly #session: CurrentSession;
  readonly #chat: { post(message: ToWebviewMessage.Type): void; postState(): void };

  constructor(
    assistant: Assistant,
    errors: ActionErrors,
    session: CurrentSession,
    chat: { post(message: ToWebviewMessage.Type): void; postState(): void },
  ) {
    this.#assistant = assistant;
    this.#errors = errors;
    this.#session = session;
    this.#chat = chat;
  }

  /** Hands the page a sequence's text, or null where there is none. */
  async postText(sequenceId: string): Promise<void> {
    const { id } = this.#session.shown;
    let text: string | null = null;
    await this.#errors.aside(async () => {
      if (id !== null) {
        text = shortened(await this.#assistant.sequenceText({ sessionId: id, sequenceId }));
      }
    });
    this.#chat.post({ type: 'sequenceText', sequenceId, text });
  }

  async act(sequenceId: string, action: SequenceAction): Promise<void> {
    const { id } = this.#session.shown;
    await this.#errors.ofSessions(async () => {
      if (id === null) {
        return;
      }
      try {
        this.#session.replace(await this.#assistant.actOnSequence({ sessionId: id, sequenceId, action }));
        this.#chat.postState();
      } catch (error) {
        await this.#refresh(id);
        throw error;
      }
    });
  }

  /** What could not be acted on may be gone, by another window: the page then shows the session as it now is. */
  async #refresh(sessionId: string): Promise<void> {
    try {
      this.#session.replace(await this.#assistant.openSession(sessionId));
    } catch {
      // The session is gone too; what went wrong first is told.
    }
  }
}

function shortened(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText).toWellFormed()}…` : text;
}
