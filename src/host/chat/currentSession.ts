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

  /** A session to show; null where it is shown already, or the user chose otherwise before it came. */
  async fetch(sessionId: string): Promise<SessionView | null> {
    const choice = ++this.#choices;
    if (sessionId === this.#shown.id) {
      return null;
    }
    const view = await this.#assistant.openSession(sessionId);
    return choice === this.#choices ? view : null;
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

  add(answer: Answer): void {
    this.#shown = withAnswer(this.#shown, answer);
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
