import { strings } from '../strings.ts';
import type { Announcer } from './announcer.ts';
import type { Host } from '../host.ts';
import type { ChatState, FromWebviewMessage } from '../../protocol/webview.ts';

/** Tells the host what the user does, and the user what cannot be done now. */
export class UserActions {
  readonly #host: Host;
  readonly #announcer: Announcer;
  /** The state that the page shows; null until the host has sent one. */
  state: ChatState | null = null;

  constructor(host: Host, announcer: Announcer) {
    this.#host = host;
    this.#announcer = announcer;
  }

  send(message: FromWebviewMessage.Type): void {
    this.#host.send(message);
  }

  act(type: FromWebviewMessage.Plain['type']): void {
    this.#host.send({ type });
  }

  /** Asks; returns whether that was possible. */
  ask(question: string): boolean {
    return this.#askIfReady({ type: 'ask', text: question });
  }

  /** Asks an exchange anew; returns whether that was possible. */
  edit(exchangeId: string, text: string): boolean {
    return this.#askIfReady({ type: 'edit', exchangeId, text });
  }

  /** Hands text to the clipboard or the editor. */
  hand(type: FromWebviewMessage.Code['type'], text: string): void {
    this.#host.send({ type, text });
    this.#announcer.say(type === 'copy' ? strings.copied : strings.inserted);
  }

  refuse(reason: string): void {
    this.#announcer.say(reason);
  }

  /** Whether there is a model, or will be. */
  get hasModel(): boolean {
    const model = this.state?.model.state;
    return model === 'loading' || model === 'ready';
  }

  #askIfReady(message: FromWebviewMessage.Ask | FromWebviewMessage.Edit): boolean {
    const refusal = this.state?.running ? strings.stillAnswering : this.hasModel ? null : strings.notReady;
    if (refusal === null) {
      this.#host.send(message);
    } else {
      this.#announcer.say(refusal);
    }
    return refusal === null;
  }
}
