import type { MemoryView } from '../../protocol/memory.ts';
import type { SessionView } from '../../protocol/worker.ts';
import type { Answer, Assistant } from '../assistant.ts';
import type { LastSession } from './lastSession.ts';
import { noSession, type ShownSession, shownSessionOf, withAnswer } from './shownSession.ts';

/** Which session the chat shows. Getting one from the worker takes time; what the user chose last holds. */
export class CurrentSession {
  readonly #assistant: Assistant;
  readonly #lastSession: LastSession;
  #shown = noSession;
  /** Counts the user's choices of a session: 0 until there is one. */
  #choices = 0;

  constructor(assistant: Assistant, lastSession: LastSession) {
    this.#assistant = assistant;
    this.#lastSession = lastSession;
  }

  get shown(): ShownSession {
    return this.#shown;
  }

  /**
   * A session to show, on the branch with `exchangeId` where that is given; null where it is shown already, or the user
   * chose otherwise before it came.
   */
  async fetch(sessionId: string, exchangeId: string | null): Promise<SessionView | null> {
    const choice = ++this.#choices;
    if (this.shows(sessionId, exchangeId)) {
      return null;
    }
    let view = await this.#assistant.openSession(sessionId);
    if (exchangeId !== null && !view.exchanges.some(({ id }) => id === exchangeId)) {
      view = await this.#assistant.selectBranch({ sessionId, exchangeId });
    }
    return choice === this.#choices ? view : null;
  }

  /** Whether a session is shown, and an exchange of it where one is given. */
  shows(sessionId: string, exchangeId: string | null): boolean {
    const { id, exchanges } = this.#shown;
    return sessionId === id && (exchangeId === null || exchanges.some((exchange) => exchange.id === exchangeId));
  }

  /** Takes what the worker tells of the session that is shown; of another it is dropped. */
  replace(view: SessionView): void {
    if (view.id === this.#shown.id) {
      this.#shown = shownSessionOf(view);
    }
  }

  rename(sessionId: string, title: string): void {
    if (sessionId === this.#shown.id) {
      this.#shown = { ...this.#shown, title };
    }
  }

  /** Shows the session of last time, if there is one and the user has not chosen by now. */
  async restore(): Promise<void> {
    const sessionId = this.#lastSession.id;
    const choice = this.#choices;
    if (sessionId !== null && choice === 0) {
      const view = await this.#assistant.openSession(sessionId);
      if (choice === this.#choices) {
        this.#shown = shownSessionOf(view);
      }
    }
  }

  async show(view: SessionView): Promise<void> {
    this.#shown = shownSessionOf(view);
    await this.#lastSession.remember(view.id);
  }

  /** Shows an empty session, which `require` begins. */
  async leave(): Promise<void> {
    this.#choices += 1;
    this.#shown = noSession;
    await this.#lastSession.remember(null);
  }

  /** The id of the session to ask in: the one shown, or a new one. Fails with a cancellation once the signal is aborted. */
  async require(signal: AbortSignal): Promise<string> {
    this.#choices += 1;
    if (this.#shown.id !== null) {
      return this.#shown.id;
    }
    const view = await this.#assistant.createSession({ ephemeral: false }, signal);
    if (signal.aborted) {
      await this.#assistant.deleteSession(view.id);
      signal.throwIfAborted();
    }
    await this.show(view);
    return view.id;
  }

  add(answer: Answer, edits: string | null): void {
    this.#shown = withAnswer(this.#shown, answer, edits);
  }

  /** Whether the memory was the session's that is shown. */
  setMemory(memory: MemoryView): boolean {
    const isShown = memory.sessionId === this.#shown.id;
    if (isShown) {
      this.#shown = { ...this.#shown, memory };
    }
    return isShown;
  }
}
