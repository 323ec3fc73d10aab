import { AnchorageError } from '../protocol/errors.ts';
import type { SearchHit, SequenceAction, SessionFormat, SessionView } from '../protocol/worker.ts';
import { heldSequence } from '../memory/sequenceList.ts';
import { exportFileName, exportJson, exportMarkdown } from '../memory/sessionExport.ts';
import { parseSession } from '../memory/sessionImport.ts';
import type { SessionSequence } from '../memory/sessionSequence.ts';
import type { StoredExchange, StoredSession } from '../memory/sessionStore.ts';
import { endOf } from '../memory/sessionTree.ts';
import type { Model } from './model.ts';
import { notInSession } from './notThere.ts';
import { titleFor } from './prompts.ts';
import type { Sessions } from './sessions.ts';

/** Most sessions that a search gives. */
const mostHits = 50;

/** What is done with sessions beside asking. */
export class SessionRequests {
  readonly #sessions: Sessions;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  rename(id: string, title: string): void {
    this.#sessions.title(id);
    this.#sessions.storeOf(id).rename(id, title);
  }

  search(query: string): SearchHit[] {
    return this.#sessions.search(query, mostHits);
  }

  export(id: string, format: SessionFormat): { fileName: string; text: string } {
    const session = this.#sessions.read(id);
    const text =
      format === 'markdown'
        ? exportMarkdown(session)
        : exportJson(session, (exchangeId) => this.#sessions.attachments(id, exchangeId));
    return { fileName: exportFileName(session.title, format), text };
  }

  import(text: string, model: Model | null): SessionView {
    const { session, attachments } = parseSession(text);
    this.#sessions.import(session, attachments);
    return this.#sessions.view(session.id, model);
  }

  selectBranch(id: string, exchangeId: string, model: Model | null): SessionView {
    const { exchanges } = this.#sessions.read(id);
    if (!exchanges.some((exchange) => exchange.id === exchangeId)) throw notInSession('exchange', exchangeId);
    this.#sessions.select(id, endOf(exchanges, exchangeId));
    return this.#sessions.view(id, model);
  }

  sequenceText(id: string, sequenceId: string): string {
    const { text } = found(this.#sessions.read(id), sequenceId).sequence;
    return text.kind === 'chunk' ? text.text : `${text.question}\n\n${text.answer}`;
  }

  async act(id: string, sequenceId: string, action: SequenceAction, model: Model | null): Promise<SessionView> {
    const { sequence } = found(this.#sessions.read(id), sequenceId);
    if (action === 'forget') await this.#forget(id, sequenceId);
    else if (action === 'pin' || action === 'unpin') this.#pin(id, sequence, action === 'pin');
    else if (model === null) throw new AnchorageError('modelMissing', 'No model is loaded.', 'Load a model first.');
    else this.#sessions.open(id, model).memory.setWanted(sequenceId, action === 'readAgain');
    return this.#sessions.view(id, model);
  }

  #pin(id: string, sequence: SessionSequence, pinned: boolean): void {
    const open = this.#sessions.opened(id);
    if (open !== undefined) return open.memory.setPinned(sequence.id, pinned);
    this.#sessions.storeOf(id).writeHoldings(id, [heldSequence({ ...sequence, pinned })]);
  }

  /** The store removes the anchors of what had seen the sequence, too: they are made again without it. */
  async #forget(id: string, sequenceId: string): Promise<void> {
    const session = this.#sessions.read(id);
    const { exchange, sequence } = found(session, sequenceId);
    this.#sessions.close(id);
    const title = titleWithout(session, exchange, sequence);
    const store = this.#sessions.storeOf(id);
    store.forget(id, sequenceId, title);
    await store.eraseRemoved();
  }
}

/** The title is the first question's, unless the user gave another. */
function titleWithout(session: StoredSession, exchange: StoredExchange, { text }: SessionSequence): string {
  if (text.kind !== 'exchange' || !titles(exchange).includes(session.title)) return session.title;
  const next = session.exchanges.find(({ id, isForgotten }) => id !== exchange.id && !isForgotten);
  return next === undefined ? '' : titleFor('chat', next.question, []);
}

function titles({ question, attachments }: StoredExchange): string[] {
  const attached = attachments.map((attachment) => ({ ...attachment, text: '', symbolLines: [] }));
  return (['chat', 'explain', 'summarize'] as const).map((task) => titleFor(task, question, attached));
}

function found(
  { exchanges }: StoredSession,
  sequenceId: string,
): { readonly exchange: StoredExchange; readonly sequence: SessionSequence } {
  for (const exchange of exchanges) {
    const sequence = exchange.sequences.find(({ id }) => id === sequenceId);
    if (sequence !== undefined) return { exchange, sequence };
  }
  throw notInSession('sequence', sequenceId);
}
