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

/** Room that is kept for an answer: what a useful one takes, and no large part of a small window. */
const usefulAnswerTokens = 256;
const answerShare = 1 / 8;

/** Characters that are tokenised at a time where a rough count will do. */
const sliceCharacters = 16_384;

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
  refuseFarTooLong(model, attachments);
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

/** Known before the work of cutting a text, and in time that depends on the window and not on the text. */
function refuseFarTooLong(model: Model, attachments: readonly Attachment[]): void {
  const { contextTokens } = model.info;
  let tokens = 0;
  for (const { text } of attachments) {
    for (let from = 0; from < text.length; from += sliceCharacters) {
      tokens += model.encodeText(text.slice(from, from + sliceCharacters)).length;
      const needed = model.positionsOf(tokens);
      if (needed > contextTokens) throw turnTooLong(model, `at least ${tokens}`, needed, contextTokens);
    }
  }
}

/**
 * Refuses a turn that cannot fit, with an answer of some length, before anything of it is read.
 *
 * @param room positions that the context has left.
 * @param answerTokens most tokens of the answer.
 * @param prefix positions that the pinned prefix takes.
 * @throws AnchorageError `contextTooLong`, which blames the session where the turn would fit into a new one.
 */
export function checkRoom(
  model: Model,
  plan: TurnPlan,
  { room, prefix, answerTokens }: { readonly room: number; readonly prefix: number; readonly answerTokens: number },
): void {
  const { contextTokens } = model.info;
  const sealed = plan.chunks.reduce((sum, chunk) => sum + model.positionsOf(model.encode(chunk).length), 0);
  const answer = Math.min(answerTokens, usefulAnswerTokens, Math.ceil(contextTokens * answerShare));
  const needed = sealed + Math.max(plan.questionTokens.length + answer, model.maxSequenceTokens);
  if (needed <= room) return;
  if (needed > contextTokens - prefix) throw turnTooLong(model, `${plan.tokens}`, needed, contextTokens - prefix);
  throw new AnchorageError(
    'contextTooLong',
    `The session is full: it holds ${contextTokens - room} of the model's ${contextTokens} positions, and this question needs ${needed}.`,
    'Start a new session.',
  );
}

function turnTooLong({ defaults, info }: Model, tokens: string, needed: number, room: number): AnchorageError {
  return new AnchorageError(
    'contextTooLong',
    `The question and what is attached take ${tokens} tokens, or ${needed} positions at 1 anchor for ${defaults.ratio} tokens; ` +
      `${room} of the model's ${info.contextTokens} are free in a new session.`,
    'Attach or select less, or raise the ratio.',
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
