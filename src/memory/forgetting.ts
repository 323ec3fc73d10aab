import type { Attachment, Exchange } from '../protocol/worker.ts';
import type { SequenceText } from './sessionSequence.ts';
import type { StoredExchange } from './sessionStore.ts';

type NamedAttachment = Exchange['attachments'][number];
type Lines = Pick<NamedAttachment, 'path' | 'startLine' | 'lines'>;

/** An exchange, and the texts that were attached to it, without a sequence, wherever they say something of it. */
export function without(
  sequenceId: string,
  { exchange, attachments }: { readonly exchange: StoredExchange; readonly attachments: readonly Attachment[] },
): { readonly exchange: StoredExchange; readonly attachments: readonly Attachment[] } {
  const sequence = exchange.sequences.find(({ id }) => id === sequenceId);
  const texts = sequence ? withoutChunk(attachments, exchange.attachments, sequence.text) : attachments;
  return { exchange: withoutSequence(exchange, sequenceId), attachments: texts };
}

/** The same object where it says nothing of the sequence. */
function withoutSequence(exchange: StoredExchange, sequenceId: string): StoredExchange {
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
function withoutChunk(
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
