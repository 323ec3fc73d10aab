import { AnchorageError } from '../../protocol/errors.ts';
import {
  deleteSessionRequest,
  openSessionRequest,
  renameSessionRequest,
  sequenceActionRequest,
} from '../../protocol/worker.ts';
import { confirm } from '../confirm.ts';
import { writeResult } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { findSequence, findSession } from './findSession.ts';
import { exchangeCount } from './sessionLines.ts';

/** `sessions rename` */
export async function renameSession({ worker, options }: Terminal, reference: string, title: string): Promise<void> {
  const { id, title: before } = await findSession(worker, reference);
  const checked = renameSessionRequest.params.safeParse({ sessionId: id, title });
  if (!checked.success) {
    const problem = `${JSON.stringify(title.slice(0, 60))} cannot be the title of a session.`;
    throw new AnchorageError('invalidInput', problem, 'Give one of 1 to 200 characters.');
  }
  await worker.request(renameSessionRequest, checked.data);
  await writeResult(options, checked.data, () => [`"${before}" is now "${checked.data.title}".`]);
}

/** `sessions delete` */
export async function deleteSession(terminal: Terminal, reference: string, yes: boolean): Promise<void> {
  const { worker, options } = terminal;
  const { id, title, exchanges } = await findSession(worker, reference);
  if (!yes) await confirm(terminal, `"${title}" (${exchangeCount(exchanges)}) will be deleted for good.`);
  await worker.request(deleteSessionRequest, { sessionId: id });
  await writeResult(options, { sessionId: id }, () => [`"${title}" is deleted.`]);
}

/** `sessions forget` */
export async function forgetSequence(
  terminal: Terminal,
  reference: string,
  sequenceReference: string,
  yes: boolean,
): Promise<void> {
  const { worker, options } = terminal;
  const { id: sessionId } = await findSession(worker, reference);
  const session = await worker.request(openSessionRequest, { sessionId });
  const { id: sequenceId, label, textTokens } = findSequence(session, sequenceReference);
  if (!yes) await confirm(terminal, `"${label}" (${textTokens} tokens) will be forgotten for good.`);
  await worker.request(sequenceActionRequest, { sessionId, sequenceId, action: 'forget' });
  await writeResult(options, { sessionId, sequenceId }, () => [`"${label}" is forgotten.`]);
}
