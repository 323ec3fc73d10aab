import type { Attachment, Exchange } from '../protocol/worker.ts';
import type { SequenceText } from './sessionSequence.ts';
import type { StoredExchange } from './sessionStore.ts';

type NamedAttachment = Exchange['attachments'][number];
type Lines = Pick<NamedAttachment, 'path' | 'startLine' | 'lines'>;

/** An exchange without a sequence, wherever it says something of it. The same object where it does not. */
export function withoutSequence(exchange: StoredExchange, sequenceId: string): StoredExchange {
  const rehydrated = exchange.rehydrated.filter((rehydration) => rehydration.sequenceId !== sequenceId);
  const sequences = exchange.sequences.filter(({ id }) => id !== sequenceId);
  const forgotten = exchange.sequences.find(({ id }) => id === sequenceId);
  if (forgotten === undefined) {
    return rehydrated.length === exchange.rehydrated.length ? exchange : { ...exchange, rehydrated };
  }
  if (forgotten.text.kind === 'chunk') return { ...exchange, rehydrated, sequences };
  return { ...exchange, question: '', answer: '', rehydrated: [], isForgotten: true, sequences };
}

/** The attachments of which a forgotten sequence was no part. */
export function withoutChunk(
  attachments: readonly Attachment[],
  named: readonly NamedAttachment[],
  text: SequenceText,
): Attachment[] {
  return pairAttachments(named, attachments)
    .filter(([lines]) => !isPart(text, lines))
    .flatMap(([, attachment]) => attachment ?? []);
}

function isPart(text: SequenceText, { path, startLine, lines }: Lines): boolean {
  return text.kind === 'chunk' && text.path === path && startLine <= text.endLine && startLine + lines > text.startLine;
}

/** The attachments that an exchange names, in order, each with its text unless that was forgotten. */
export function pairAttachments(
  named: readonly NamedAttachment[],
  texts: readonly Attachment[],
): [NamedAttachment, Attachment | undefined][] {
  if (named.length === texts.length) return named.map((attachment, index) => [attachment, texts[index]]);
  let next = 0;
  return named.map((attachment) => {
    const { kind, path, startLine } = attachment;
    const text = texts[next];
    if (text?.kind !== kind || text.path !== path || text.startLine !== startLine) return [attachment, undefined];
    next++;
    return [attachment, text];
  });
}
