import { assertNever } from '../../protocol/errors.ts';
import { button, element, setText } from '../dom.ts';
import { exchangeOfSequence } from '../exchangeOfSequence.ts';
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
import { UserActions } from './userActions.ts';
import type { Host } from '../host.ts';
import type { MemoryView } from '../../protocol/memory.ts';
import type { ChatError, ChatState, ToWebviewMessage } from '../../protocol/webview.ts';

/** The whole page: builds its parts, hands them what the host says, and tells the host what the user does. */
export class ChatPage {
  readonly #host: Host;
  readonly #announcer = new Announcer();
  readonly #user: UserActions;
  readonly #title = element('h1', { class: 'title' }, strings.newChat);
  readonly #transcript: Transcript;
  readonly #problem = element('div', { class: 'problem' });
  readonly #model: ModelStatusLine;
  readonly #meter: Meter;
  readonly #composer: Composer;
  readonly #sessions: SessionsPanel;
  #memory: MemoryView | null = null;
  /** An exchange of a session that was opened for it: gone to as soon as it is there. */
  #sought: { readonly sessionId: string; readonly exchangeId: string } | null = null;
  /** A session is being imported, which closes the list of sessions once it is shown. */
  #importing = false;

  constructor(root: HTMLElement, host: Host) {
    this.#host = host;
    const user = (this.#user = new UserActions(host, this.#announcer));
    this.#transcript = new Transcript({
      ask: (question) => {
        this.#ask(question);
        this.#composer.focus();
      },
      edit: (exchangeId, text) => this.#edit(exchangeId, text),
      selectBranch: (exchangeId) => user.send({ type: 'selectBranch', exchangeId }),
      refused: (reason) => user.refuse(reason),
      copy: (text) => user.hand('copy', text),
      insert: (text) => user.hand('insert', text),
    });
    this.#model = new ModelStatusLine((action) => user.act(action));
    this.#meter = this.#makeMeter();
    this.#composer = new Composer(host.loadInput(), {
      ask: (question) => this.#ask(question),
      stop: () => user.act('stop'),
      attachSelection: () => user.act('attachSelection'),
      attachFile: () => user.act('attachFile'),
      removeAttachment: (id) => user.send({ type: 'removeAttachment', id }),
      save: (state) => host.saveInput(state),
    });
    const main = this.#main();
    this.#sessions = this.#makeSessions(main);
    root.append(main, this.#sessions.element, this.#announcer.element);
    this.#listen(root);
  }

  /** Asks the host for the state; everything else follows from its answers. */
  start(): void {
    this.#composer.focus();
    this.#host.send({ type: 'ready' });
  }

  #makeMeter(): Meter {
    const user = this.#user;
    return new Meter({
      ask: (sequenceId) => user.send({ type: 'sequenceText', sequenceId }),
      act: (sequenceId, action) => user.send({ type: 'actOnSequence', sequenceId, action }),
      goTo: (sequenceId) => {
        const { exchanges = [] } = user.state ?? {};
        const exchangeId = exchangeOfSequence(sequenceId, this.#memory?.sequences ?? [], exchanges);
        return exchangeId === null ? null : () => void this.#transcript.goTo(exchangeId);
      },
      forgetRefusal: () => (user.state?.running ? strings.stillAnswering : null),
      say: (text) => this.#announcer.say(text),
    });
  }

  #makeSessions(covered: HTMLElement): SessionsPanel {
    const user = this.#user;
    return new SessionsPanel(covered, {
      list: () => user.act('listSessions'),
      search: (query) => user.send({ type: 'searchSessions', query }),
      open: (sessionId, exchangeId) => {
        this.#sought = exchangeId === null ? null : { sessionId, exchangeId };
        user.send({ type: 'openSession', sessionId, exchangeId });
        this.#composer.focus();
      },
      rename: (sessionId, title) => user.send({ type: 'renameSession', sessionId, title }),
      export: (sessionId, format) => user.send({ type: 'exportSession', sessionId, format }),
      delete: (sessionId) => user.send({ type: 'deleteSession', sessionId }),
      import: () => {
        this.#importing = true;
        user.act('importSession');
      },
    });
  }

  #main(): HTMLElement {
    const sessions = button({
      label: strings.sessions,
      icon: icon('sessions'),
      className: 'icon-button',
      onClick: () => {
        this.#importing = false;
        this.#sessions.open(this.#user.state?.sessionId ?? null);
      },
    });
    const newSession = button({
      label: strings.newSession,
      icon: icon('plus'),
      className: 'icon-button',
      onClick: () => {
        this.#user.act('newSession');
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
      if (event.key === 'Escape' && this.#user.state?.running) {
        this.#user.act('stop');
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
        return this.#showMemory(message.memory);
      case 'sessions':
        return this.#sessions.update(message.sessions);
      case 'found':
        return this.#sessions.showFound(message.query, message.hits);
      case 'sequenceText':
        return this.#meter.receiveText(message.sequenceId, message.text);
      case 'prefill':
        return this.#composer.prefill(message.text);
      default:
        return assertNever(message);
    }
  }

  #show(state: ChatState): void {
    const before = this.#user.state;
    this.#user.state = state;
    setText(this.#title, state.title || strings.newChat);
    this.#transcript.update(state);
    this.#model.update(state.model);
    this.#showMemory(state.memory);
    this.#composer.update(state.attachments, state.running !== null);
    this.#showError(state.error, before?.error ?? null);
    if (this.#importing && state.sessionId !== null && state.sessionId !== before?.sessionId) {
      this.#importing = false;
      this.#sessions.close();
    }
    this.#goToSought(state);
    this.#announce(before, state);
  }

  #showMemory(memory: MemoryView | null): void {
    this.#memory = memory;
    this.#meter.update(memory);
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

  #goToSought({ sessionId, error }: ChatState): void {
    const sought = this.#sought;
    const isThere = sought !== null && sought.sessionId === sessionId && this.#transcript.goTo(sought.exchangeId);
    if (isThere || error !== null) {
      this.#sought = null;
    }
  }

  #announce(before: ChatState | null, state: ChatState): void {
    const last = state.exchanges.at(-1);
    const isAnswered = last !== undefined && last.id !== before?.exchanges.at(-1)?.id;
    // A question that was asked anew in vain leaves the answers that were there before.
    const isInVain = state.exchanges.some(({ id }) => id === before?.running?.edits);
    if (before?.running && !state.running && isAnswered && !isInVain) {
      this.#announcer.say(spokenAnswer(last.answer));
    } else if (!before?.running && state.running) {
      this.#announcer.say(strings.answering);
    }
  }

  #ask(question: string): boolean {
    const asked = this.#user.ask(question);
    if (asked) {
      this.#sought = null;
      this.#composer.remember(question);
    }
    return asked;
  }

  #edit(exchangeId: string, text: string): boolean {
    const asked = this.#user.edit(exchangeId, text);
    if (asked) {
      // What had the focus goes with the branch; from here Escape stops the answer.
      this.#composer.focus();
    }
    return asked;
  }

  /** A question that failed is in the input again, where the user may have changed it: to try again is to send that. */
  #remedy(action: NonNullable<ChatError['action']>): void {
    if (action === 'retry' && this.#user.hasModel) {
      this.#composer.submit();
    } else {
      this.#user.act(action);
    }
  }
}
