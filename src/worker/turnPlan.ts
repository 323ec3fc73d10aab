import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { throwIfCancelled } from '../engine/sequenceReader.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { Attachment, Task } from '../protocol/worker.ts';
import type { DecoderContext } from '../memory/decoderContext.ts';
import type { SequenceText } from '../memory/sessionSequence.ts';
import { chunksOf } from './fileChunks.ts';
import type { Model } from './model.ts';
import { inlined, questionFor } from './prompts.ts';

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

/** Room without which no answer is begun: what a useful one takes, and no large part of a small window. */
const usefulAnswerTokens = 256;
const usefulAnswerShare = 1 / 8;

/** Share of the room for keys/values that is kept for an answer and for what is read again for it, each. */
const answerShare = 1 / 4;

/** So many times what can be held may be attached: what has no room is there as text, to be read again. */
const mostAttached = 4;

/** Characters that are tokenised at a time where a rough count will do. */
const sliceCharacters = 16_384;

/** Texts of more characters for each token that there is room for are counted before the work of cutting them. */
const usualCharacters = 8;

/** Milliseconds of tokenising after which other requests get a turn. */
const longestBusy = 10;

/**
 * Decides how a question and its attachments are read: files as anchored chunks, short selections whole. Where there is
 * much to tokenise it pauses, so that what need not wait for an answer is done meanwhile.
 *
 * @throws AnchorageError `invalidInput` when there is nothing to ask about, `contextTooLong` when it can never fit,
 *   `cancelled`.
 */
export async function planTurn(
  model: Model,
  {
    task,
    question,
    attachments,
  }: { readonly task: Task; readonly question: string; readonly attachments: readonly Attachment[] },
  signal?: AbortSignal,
): Promise<TurnPlan> {
  const words = questionFor(task, question, attachments);
  if (words === '') {
    throw new AnchorageError('invalidInput', 'The question is empty.', 'Write what you want to know.');
  }
  for (const attachment of attachments) {
    if (attachment.text.trim() !== '') continue;
    const remedy = attachment.kind === 'file' ? 'Choose a file with text in it.' : 'Select some text first.';
    throw new AnchorageError('invalidInput', `${attachment.path}: the ${attachment.kind} is empty.`, remedy);
  }
  const pause = pauses(signal);
  await refuseFarTooLong(model, attachments, pause);
  const selections = attachments.filter((attachment) => attachment.kind === 'selection');
  const inline = selections.map(inlined).join('\n');
  const isWhole = hasAtMost(model, inline, wholeSelectionTokens);
  const chunked = isWhole ? attachments.filter((attachment) => attachment.kind === 'file') : attachments;
  const whole = isWhole && inline !== '' ? `${inline}\n${words}` : words;
  const questionTokens = model.encodeQuestion(whole);
  const chunks: SequenceText[] = [];
  let tokens = 0;
  for (const attachment of chunked) {
    for (const chunk of chunksOf(model, attachment)) {
      chunks.push(chunk);
      tokens += model.encode(chunk).length;
      refuseTooMany(model, tokens);
      await pause();
    }
  }
  return { chunks, question: whole, questionTokens, tokens: tokens + questionTokens.length };
}

/** In time that depends on the model and not on the text, which cutting does not. */
async function refuseFarTooLong(
  model: Model,
  attachments: readonly Attachment[],
  pause: () => Promise<void>,
): Promise<void> {
  const characters = attachments.reduce((sum, { text }) => sum + text.length, 0);
  if (model.positionsOf(characters / usualCharacters) <= roomForAttached(model)) return;
  let tokens = 0;
  for (const { text } of attachments) {
    for (let from = 0; from < text.length; from += sliceCharacters) {
      tokens += model.encodeText(text.slice(from, from + sliceCharacters)).length;
      refuseTooMany(model, tokens);
      await pause();
    }
  }
}

function refuseTooMany(model: Model, tokens: number): void {
  const needed = model.positionsOf(tokens);
  const room = roomForAttached(model);
  if (needed > room) throw turnTooLong(model, `at least ${tokens}`, needed, room);
}

function roomForAttached({ canSpill, capacity }: Model): number {
  return canSpill ? capacity * mostAttached : capacity;
}

/** Of a text that has many more not all is tokenised. */
function hasAtMost(model: Model, text: string, most: number): boolean {
  let tokens = 0;
  for (let from = 0; from < text.length && tokens <= most; from += sliceCharacters) {
    tokens += model.encodeText(text.slice(from, from + sliceCharacters)).length;
  }
  return tokens <= most;
}

/** To be called often: gives others a turn where it was long since they had one. */
function pauses(signal: AbortSignal | undefined): () => Promise<void> {
  let begin = performance.now();
  return async () => {
    if (performance.now() - begin < longestBusy) return;
    await eventLoopTurn();
    throwIfCancelled(signal);
    begin = performance.now();
  };
}

/** Rows that a turn needs beside the anchors: to read a chunk, or for the question, what is read again, and the answer. */
export function roomNeeded(model: Model, { questionTokens }: TurnPlan, answerTokens: number): number {
  const share = Math.floor(model.capacity * answerShare);
  const live = questionTokens.length + Math.min(answerTokens, share) + Math.min(model.rereadTokens, share);
  return Math.max(live, model.maxSequenceTokens);
}

/**
 * Refuses a question that does not fit, with an answer of some length, before it is read.
 *
 * @param answerTokens most tokens of the answer.
 * @throws AnchorageError `contextTooLong`, which blames the session where the question would fit into a new one.
 */
export function checkRoom(
  model: Model,
  { questionTokens, tokens }: TurnPlan,
  { room, pinned }: Pick<DecoderContext, 'room' | 'pinned'>,
  answerTokens: number,
): void {
  const { capacity } = model;
  const answer = Math.min(answerTokens, usefulAnswerTokens, Math.ceil(capacity * usefulAnswerShare));
  const needed = questionTokens.length + answer;
  if (needed <= room) return;
  const free = capacity - pinned.length;
  if (needed > free) throw turnTooLong(model, `${tokens}`, needed, free);
  throw new AnchorageError(
    'contextTooLong',
    `The session is full: of ${capacity} rows that the model's window and the memory budget allow, ${room} are free, and this question needs ${needed}.`,
    model.canSpill ? 'Unpin what is pinned, or start a new session.' : 'Start a new session.',
  );
}

function turnTooLong({ defaults }: Model, tokens: string, needed: number, room: number): AnchorageError {
  return new AnchorageError(
    'contextTooLong',
    `The question and what is attached take ${tokens} tokens, or ${needed} rows of keys and values at 1 anchor for ${defaults.ratio} tokens; ` +
      `there is room for ${room} in a new session.`,
    'Attach or select less, or raise the ratio or anchorage.memory.budgetMB.',
  );
}
