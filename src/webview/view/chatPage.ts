import { assertNever } from '../../protocol/errors.ts';
import { button, element, setText } from '../dom.ts';
import { icon } from '../icons.ts';
import { spokenAnswer } from '../spokenAnswer.ts';
import { strings } from '../strings.ts';
import { Announcer } from './announcer.ts';
import { Composer } from './composer.ts';
import { errorBlock } from './errorBlock.ts';
import { Meter } from './meter.ts';
import { ModelStatusLine } from './modelStatusLine.ts';
import { SessionsPanel } from './sessionsPanel.ts';
import { Transcript } from './transcript.ts';
import type { Host } from '../host.ts';
import type { ChatError, ChatState, FromWebviewMessage, ToWebviewMessage } from '../../protocol/webview.ts';

/** The whole page: builds its parts, hands them what the host says, and tells the host what the user does. */
export class ChatPage {
  readonly #host: Host;
  readonly #announcer = new Announcer();
  readonly #title = element('h1', { class: 'title' }, strings.newChat);
  readonly #transcript: Transcript;
  readonly #problem = element('div', { class: 'problem' });
  readonly #model: ModelStatusLine;
  readonly #meter = new Meter();
  readonly #composer: Composer;
  readonly #sessions: SessionsPanel;
  #state: ChatState | null = null;

  constructor(root: HTMLElement, host: Host) {
    this.#host = host;
    this.#transcript = new Transcript({
      ask: (question) => {
        this.#ask(question);
        this.#composer.focus();
      },
      copy: (text) => this.#hand('copy', text, strings.copied),
      insert: (text) => this.#hand('insert', text, strings.inserted),
    });
    this.#model = new ModelStatusLine((action) => this.#act(action));
    this.#composer = new Composer(host.loadInput(), {
      ask: (question) => this.#ask(question),
      stop: () => this.#act('stop'),
      attachSelection: () => this.#act('attachSelection'),
      attachFile: () => this.#act('attachFile'),
      removeAttachment: (id) => host.send({ type: 'removeAttachment', id }),
      save: (state) => host.saveInput(state),
    });
    const main = this.#main();
    this.#sessions = new SessionsPanel(main, {
      list: () => this.#act('listSessions'),
      open: (sessionId) => {
        host.send({ type: 'openSession', sessionId });
        this.#composer.focus();
      },
      delete: (sessionId) => host.send({ type: 'deleteSession', sessionId }),
    });
    root.append(main, this.#sessions.element, this.#announcer.element);
    this.#listen(root);
  }

  /** Asks the host for the state; everything else follows from its answers. */
  start(): void {
    this.#composer.focus();
    this.#host.send({ type: 'ready' });
  }

  #main(): HTMLElement {
    const sessions = button({
      label: strings.sessions,
      icon: icon('sessions'),
      className: 'icon-button',
      onClick: () => this.#sessions.open(this.#state?.sessionId ?? null),
    });
    const newSession = button({
      label: strings.newSession,
      icon: icon('plus'),
      className: 'icon-button',
      onClick: () => {
        this.#act('newSession');
        this.#composer.focus();
      },
    });
    return element(
      'main',
      { class: 'page' },
      element('header', { class: 'bar' }, this.#title, sessions, newSession),
      this.#transcript.element,
      element(
        'div',
        { class: 'dock' },
        this.#problem,
        this.#model.element,
        this.#meter.element,
        this.#composer.element,
      ),
    );
  }

  #listen(root: HTMLElement): void {
    this.#host.onMessage((message) => this.#receive(message));
    root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#state?.running) {
        this.#act('stop');
      }
    });
    window.addEventListener('focus', () => {
      if (document.activeElement === document.body || document.activeElement === null) {
        this.#composer.focus();
      }
    });
  }

  #receive(message: ToWebviewMessage.Type): void {
    switch (message.type) {
      case 'state':
        return this.#show(message.state);
      case 'token':
        return this.#transcript.append(message.requestId, message.text);
      case 'progress':
        return this.#transcript.showStage(message.requestId, message.stage, message.progress);
      case 'memory':
        return this.#meter.update(message.memory);
      case 'sessions':
        return this.#sessions.update(message.sessions);
      case 'prefill':
        return this.#composer.prefill(message.text);
      default:
        return assertNever(message);
    }
  }

  #show(state: ChatState): void {
    const before = this.#state;
    this.#state = state;
    setText(this.#title, state.title || strings.newChat);
    this.#transcript.update(state);
    this.#model.update(state.model);
    this.#meter.update(state.memory);
    this.#composer.update(state.attachments, state.running !== null);
    this.#showError(state.error, before?.error ?? null);
    this.#announce(before, state);
  }

  #showError(error: ChatError | null, before: ChatError | null): void {
    if (JSON.stringify(error) === JSON.stringify(before)) {
      return;
    }
    // The list of sessions would cover it.
    if (error && this.#sessions.isOpen) {
      this.#sessions.close();
    }
    this.#problem.replaceChildren(...(error ? [errorBlock(error, (action) => this.#remedy(action))] : []));
  }

  #announce(before: ChatState | null, state: ChatState): void {
    const last = state.exchanges.at(-1);
    if (before?.running && !state.running && last && last.id !== before.exchanges.at(-1)?.id) {
      this.#announcer.say(spokenAnswer(last.answer));
    } else if (!before?.running && state.running) {
      this.#announcer.say(strings.answering);
    }
  }

  #ask(question: string): boolean {
    if (!this.#hasModel()) {
      this.#announcer.say(strings.notReady);
      return false;
    }
    if (this.#state?.running) {
      this.#announcer.say(strings.stillAnswering);
      return false;
    }
    this.#composer.remember(question);
    this.#host.send({ type: 'ask', text: question });
    return true;
  }

  #hand(type: FromWebviewMessage.Code['type'], text: string, done: string): void {
    this.#host.send({ type, text });
    this.#announcer.say(done);
  }

  /** A question that failed is in the input again, where the user may have changed it: to try again is to send that. */
  #remedy(action: NonNullable<ChatError['action']>): void {
    if (action === 'retry' && this.#hasModel()) {
      this.#composer.submit();
    } else {
      this.#act(action);
    }
  }

  #hasModel(): boolean {
    const model = this.#state?.model.state;
    return model === 'loading' || model === 'ready';
  }

  #act(type: FromWebviewMessage.Plain['type']): void {
    this.#host.send({ type });
  }
}
