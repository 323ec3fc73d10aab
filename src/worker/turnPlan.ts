import { AnchorageError } from '../protocol/errors.ts';
import type { Attachment, Task } from '../protocol/worker.ts';
import type { SequenceText } from '../memory/sessionSequence.ts';
import { chunkText } from './chunker.ts';
import type { Model } from './model.ts';
import { inlined, questionFor } from './prompts.ts';
import { shortPath } from './shortPath.ts';

/** What is read for one question. */
export interface TurnPlan {
  /** Chunks of attached text, sealed before the question is read. */
  readonly chunks: readonly SequenceText[];
  /** The question, with the selections in front of it that are read whole. */
  readonly question: string;
  readonly questionTokens: readonly number[];
  /** Text tokens of chunks and question. */
  readonly tokens: number;
}

/** Selections of up to so many tokens are read whole with the question, which is about their details. */
const wholeSelectionTokens = 512;

/** Share of a chunk that the path of its file may take. */
const pathShare = 0.25;

/**
 * Decides how a question and its attachments are read: files as anchored chunks, short selections whole.
 *
 * @throws AnchorageError `invalidInput` when there is nothing to ask about, `contextTooLong` when it can never fit.
 */
export function planTurn(
  model: Model,
  {
    task,
    question,
    attachments,
  }: { readonly task: Task; readonly question: string; readonly attachments: readonly Attachment[] },
): TurnPlan {
  const words = questionFor(task, question, attachments);
  if (words === '') {
    throw new AnchorageError('invalidInput', 'The question is empty.', 'Write what you want to know.');
  }
  for (const attachment of attachments) {
    if (attachment.text.trim() !== '') continue;
    const remedy = attachment.kind === 'file' ? 'Choose a file with text in it.' : 'Select some text first.';
    throw new AnchorageError('invalidInput', `${attachment.path}: the ${attachment.kind} is empty.`, remedy);
  }
  const attached = attachments.reduce((sum, { text }) => sum + model.encodeText(text).length, 0);
  // Known before the work of cutting a text that is far too long.
  checkFits(model, attached, Math.ceil(attached / model.defaults.ratio), model.info.contextTokens);
  const selections = attachments.filter((attachment) => attachment.kind === 'selection');
  const inline = selections.map(inlined).join('\n');
  const isWhole = model.encodeText(inline).length <= wholeSelectionTokens;
  const chunked = isWhole ? attachments.filter((attachment) => attachment.kind === 'file') : attachments;
  const chunks = chunked.flatMap((attachment) => chunksOf(model, attachment));
  const whole = isWhole && inline !== '' ? `${inline}\n${words}` : words;
  const questionTokens = model.encodeQuestion(whole);
  const tokens = chunks.reduce((sum, chunk) => sum + model.encode(chunk).length, questionTokens.length);
  return { chunks, question: whole, questionTokens, tokens };
}

/**
 * Refuses a turn that cannot fit before anything of it is read.
 *
 * @param room positions that the context has left.
 * @throws AnchorageError `contextTooLong`
 */
export function checkRoom(model: Model, plan: TurnPlan, room: number): void {
  const { ratio } = model.defaults;
  const anchors = plan.chunks.reduce((sum, chunk) => sum + Math.ceil(model.encode(chunk).length / ratio), 0);
  const needed = anchors + Math.max(plan.questionTokens.length + 1, model.maxSequenceTokens);
  checkFits(model, plan.tokens, needed, room);
}

function checkFits(model: Model, tokens: number, needed: number, room: number): void {
  const { defaults, info } = model;
  if (needed <= room) return;
  throw new AnchorageError(
    'contextTooLong',
    `The question and what is attached take ${tokens} tokens, or ${needed} positions at 1 anchor for ${defaults.ratio} tokens; ` +
      `${Math.max(0, room)} of the model's ${info.contextTokens} are free.`,
    'Attach or select less, raise the ratio, or start a new session.',
  );
}

function chunksOf(model: Model, { path, languageId, startLine, text }: Attachment): SequenceText[] {
  const limit = model.maxSequenceTokens;
  const size = (piece: string): number => model.encodeText(piece).length;
  const shown = shortPath(path, Math.floor(limit * pathShare), size);
  const sequence = (chunk: {
    readonly text: string;
    readonly startLine: number;
    readonly endLine: number;
  }): SequenceText => ({
    kind: 'chunk',
    path: shown,
    languageId,
    startLine: chunk.startLine,
    endLine: chunk.endLine,
    text: chunk.text,
  });
  const cost = (chunk: Parameters<typeof sequence>[0]): number => model.encode(sequence(chunk)).length;
  return chunkText(text, { startLine, limit, size, cost }).map(sequence);
}
