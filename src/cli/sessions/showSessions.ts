import { styleText } from 'node:util';
import { listSessionsRequest, openSessionRequest, searchSessionsRequest } from '../../protocol/worker.ts';
import { writeResult } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { findSession } from './findSession.ts';
import { mapLines, sequenceLines } from './memoryLines.ts';
import { exchangeLines, listLines, searchLines } from './sessionLines.ts';

/** `sessions list`, and `chat --list`. */
export async function listSessions({ worker, options }: Terminal): Promise<void> {
  const sessions = await worker.request(listSessionsRequest, {});
  await writeResult(options, { sessions }, () => listLines(sessions));
}

/** `sessions show`: exchanges, sequences, map and meter. */
export async function showSession({ worker, options }: Terminal, reference: string): Promise<void> {
  const { id } = await findSession(worker, reference);
  const session = await worker.request(openSessionRequest, { sessionId: id });
  await writeResult(options, { session }, () => [
    session.title,
    id,
    '',
    ...exchangeLines(session),
    ...sequenceLines(session.memory),
    ...mapLines(session.memory),
  ]);
}

/** `sessions search`: the words are bold on a terminal, in brackets elsewhere. */
export async function searchSessions({ worker, options }: Terminal, query: string): Promise<void> {
  const hits = await worker.request(searchSessionsRequest, { query });
  const mark = (text: string): string => (process.stdout.isTTY ? styleText('bold', text) : `[${text}]`);
  await writeResult(options, { hits }, () => searchLines(hits, mark));
}
