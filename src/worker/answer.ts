import type { Attachment, Exchange } from '../protocol/worker.ts';
import type { StoredSession } from '../memory/sessionStore.ts';
import { pathOf } from '../memory/sessionTree.ts';
import type { Model } from './model.ts';
import { notInSession } from './notThere.ts';
import { titleFor } from './prompts.ts';
import type { Sessions } from './sessions.ts';
import { runTurn, type TurnListener, type TurnRequest } from './turn.ts';

export interface AnswerRequest extends TurnRequest {
  /** An exchange that is asked anew; null for a question that follows the last one. */
  readonly edits: string | null;
}

/** Where a question is asked, and what is asked there. */
interface Place {
  readonly parentId: string | null;
  readonly siblings: readonly string[];
  readonly question: string;
  readonly attachments: readonly Attachment[];
}

/**
 * Answers a question in a session and writes the exchange. An exchange that is edited stays, as another branch; one that
 * fails leaves the session, and the branch that is shown, as they were.
 *
 * @throws AnchorageError
 */
export async function answer(
  sessions: Sessions,
  model: Model,
  sessionId: string,
  request: AnswerRequest,
  listener: TurnListener,
  signal: AbortSignal,
): Promise<Exchange> {
  const title = sessions.title(sessionId);
  const open = sessions.open(sessionId, model);
  const before = open.memory.sequences;
  try {
    const { parentId, siblings, question, attachments } = placeOf(sessions, sessionId, request);
    if (request.edits !== null) {
      const path = pathOf(sessions.read(sessionId), parentId);
      open.memory.follow(path.flatMap(({ sequences }) => sequences));
    }
    const asked = { ...request, question, attachments };
    const { sequences, ...answered } = await runTurn(model, open, asked, listener, signal);
    sessions.append(sessionId, {
      title: title === '' ? titleFor(request.task, question, attachments) : title,
      updatedAt: Date.now(),
      exchange: { ...answered, parentId, sequences },
      attachments,
    });
    return { ...answered, siblings: [...siblings, answered.id] };
  } catch (error) {
    open.memory.follow(before);
    throw error;
  }
}

function placeOf(sessions: Sessions, sessionId: string, request: AnswerRequest): Place {
  const { edits, question, attachments } = request;
  if (edits === null) return { parentId: sessions.head(sessionId), siblings: [], question, attachments };
  const session = sessions.read(sessionId);
  const edited = exchangeOf(session, edits);
  return {
    parentId: edited.parentId,
    siblings: session.exchanges.filter(({ parentId }) => parentId === edited.parentId).map(({ id }) => id),
    question: question.trim() === '' ? edited.question : question,
    attachments: [...sessions.attachments(sessionId, edits), ...attachments],
  };
}

function exchangeOf({ exchanges }: StoredSession, id: string): StoredSession['exchanges'][number] {
  const exchange = exchanges.find((each) => each.id === id);
  if (exchange !== undefined && !exchange.isForgotten) return exchange;
  throw notInSession('exchange', id);
}
