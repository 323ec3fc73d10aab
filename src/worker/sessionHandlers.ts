import {
  createSessionRequest,
  deleteSessionRequest,
  exportSessionRequest,
  importSessionRequest,
  listSessionsRequest,
  openSessionRequest,
  renameSessionRequest,
  searchSessionsRequest,
  selectBranchRequest,
  sequenceActionRequest,
  sequenceTextRequest,
} from '../protocol/worker.ts';
import type { ModelSlot } from './modelSlot.ts';
import type { Params, RequestRegistrar, RequestRegistrarOptions, Result, Started } from './requestRegistrar.ts';

export interface SessionHandlersOptions extends Pick<RequestRegistrarOptions, 'inTurn'> {
  readonly slot: ModelSlot;
  /** Has a session brought into its context, and sealed, when nobody waits. */
  readonly prepareInIdle: (started: Started, sessionId: string) => void;
}

/** What is done with sessions beside asking: most of it while the engine is busy. */
export function registerSessionHandlers(
  registrar: RequestRegistrar,
  { slot, inTurn, prepareInIdle }: SessionHandlersOptions,
): void {
  registrar.direct(createSessionRequest, async ({ sessions }, { ephemeral }) => sessions.create(ephemeral, slot.model));
  registrar.direct(listSessionsRequest, async ({ sessions }) => sessions.list());
  registrar.direct(openSessionRequest, async (started, { sessionId }) => {
    const view = started.sessions.view(sessionId, slot.model);
    prepareInIdle(started, sessionId);
    return view;
  });
  registrar.queued(deleteSessionRequest, async ({ sessions }, { sessionId }) => {
    await sessions.delete(sessionId);
    return {};
  });
  registrar.direct(renameSessionRequest, async ({ requests }, { sessionId, title }) => {
    requests.rename(sessionId, title);
    return {};
  });
  registrar.direct(searchSessionsRequest, async ({ requests }, { query }) => requests.search(query));
  registrar.direct(exportSessionRequest, async ({ requests }, { sessionId, format }) =>
    requests.export(sessionId, format),
  );
  registrar.direct(importSessionRequest, async ({ requests }, { text }) => requests.import(text, slot.model));
  registrar.direct(sequenceTextRequest, async ({ requests }, { sessionId, sequenceId }) => ({
    text: requests.sequenceText(sessionId, sequenceId),
  }));
  registrar.queued(selectBranchRequest, async (started, { sessionId, exchangeId }) => {
    const view = started.requests.selectBranch(sessionId, exchangeId, slot.model);
    prepareInIdle(started, sessionId);
    return view;
  });
  const act = async (
    started: Started,
    { sessionId, sequenceId, action }: Params<typeof sequenceActionRequest>,
  ): Promise<Result<typeof sequenceActionRequest>> => {
    const view = await started.requests.act(sessionId, sequenceId, action, slot.model);
    prepareInIdle(started, sessionId);
    return view;
  };
  registrar.direct(sequenceActionRequest, (started, params, cancelled) => {
    // What only marks a sequence need not wait for an answer that is being written.
    const isMark = params.action !== 'forget' && started.sessions.opened(params.sessionId) !== undefined;
    return isMark ? act(started, params) : inTurn(cancelled, () => act(started, params));
  });
}
