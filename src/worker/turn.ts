import { randomUUID } from 'node:crypto';
import { AnchorageError } from '../protocol/errors.ts';
import type { Rehydration } from '../protocol/memory.ts';
import type { Sampling } from '../protocol/sampling.ts';
import type { Attachment, Task } from '../protocol/worker.ts';
import type { Pick } from '../memory/rehydrationPlan.ts';
import type { PlaceOptions } from '../memory/sequencePlacer.ts';
import { labelOf } from '../memory/sessionSequence.ts';
import type { StoredExchange } from '../memory/sessionStore.ts';
import type { Model } from './model.ts';
import type { OpenSession } from './sessions.ts';
import { checkRoom, planTurn, roomNeeded, type TurnPlan } from './turnPlan.ts';

export interface TurnRequest {
  readonly task: Task;
  readonly question: string;
  readonly attachments: readonly Attachment[];
  readonly sampling: Sampling;
}

export type TurnStage = 'restore' | 'read' | 'answer';

export interface TurnListener {
  onProgress(stage: TurnStage, done: number, total: number): void;
  onToken(text: string): void;
}

/** An answered exchange, without its place in the session's tree. */
export type AnsweredTurn = Omit<StoredExchange, 'parentId'>;

/**
 * Answers one question in a session: brings the session's sequences into the context, seals the chunks of what is
 * attached, reads the question whole, reads again the sequences whose details it needs, and answers. The exchange then
 * stays live until it is sealed.
 *
 * An answer that is cancelled after its first words is kept; a turn that is cancelled before, or fails, leaves the
 * session as it was.
 *
 * @throws AnchorageError
 */
export async function runTurn(
  model: Model,
  { memory, rehydrator }: OpenSession,
  request: TurnRequest,
  listener: TurnListener,
  signal: AbortSignal,
): Promise<AnsweredTurn> {
  const { context } = memory;
  const plan = await planTurn(model, request, signal);
  const rows = roomNeeded(model, plan, request.sampling.maxTokens);
  await memory.fit(rows);
  const unplaced = memory.unplacedTokens;
  const stage = context.textTokens === 0 && unplaced > 0 ? 'restore' : 'read';
  await memory.settle({ signal, onProgress: (done) => listener.onProgress(stage, done, unplaced) });
  const before = memory.sequences;
  try {
    await context.readPinned(signal);
    const begin = performance.now();
    memory.addChunks(plan.chunks.map((text) => ({ id: randomUUID(), text })));
    await memory.fit(rows);
    checkRoom(model, plan, context, request.sampling.maxTokens);
    const chunkTokens = memory.unplacedTokens;
    const total = chunkTokens + plan.questionTokens.length;
    listener.onProgress('read', 0, total);
    await memory.settle({ signal, areNew: true, onProgress: (done) => listener.onProgress('read', done, total) });
    const onProgress = (done: number): void => listener.onProgress('read', chunkTokens + done, total);
    const picks = await readQuestion(model, { memory, rehydrator }, plan, request.question, { signal, onProgress });
    const prefillMs = performance.now() - begin;
    const held = { kvRows: context.rows, kvRowsFull: memory.textTokens + plan.questionTokens.length };
    const texts = [
      ...[...before.slice(-1), ...picks.map(({ sequence }) => sequence)].map((each) => memory.tokensOf(each)),
      ...plan.chunks.map((chunk) => model.encode(chunk)),
      plan.questionTokens,
    ];
    const onToken = (text: string): void => listener.onToken(text);
    const answer = await context.generate(request.sampling, { signal, texts, onToken });
    if (answer.stopReason === 'cancelled' && answer.text === '') {
      throw new AnchorageError('cancelled', 'The question was cancelled before its answer began.');
    }
    const { text, tokens, stopReason, times } = answer;
    memory.addExchange(randomUUID(), { kind: 'exchange', question: plan.question, answer: text });
    return {
      id: randomUUID(),
      question: request.question,
      answer: text,
      attachments: request.attachments.map(described),
      stopReason,
      usage: { promptTokens: total, answerTokens: tokens.length, ...held, prefillMs, decodeMs: times.decodeMs },
      rehydrated: picks.map(rehydrationOf),
      isForgotten: false,
      sequences: memory.sequences.slice(before.length),
    };
  } catch (error) {
    memory.follow(before);
    throw error;
  }
}

/**
 * Reads the question behind the sequences that are read again for it. Where its words do not tell which those are, it is
 * read first without them, for what it attends to.
 */
async function readQuestion(
  model: Model,
  { memory, rehydrator }: OpenSession,
  { questionTokens }: TurnPlan,
  words: string,
  options: PlaceOptions,
): Promise<readonly Pick[]> {
  const { context } = memory;
  const limit = Math.min(model.rereadTokens, Math.floor(context.room / 2));
  let picks = rehydrator.pick(words, null, limit);
  if (picks === null) {
    const salience = await memory.readQuestion(questionTokens, model.questionHead, options);
    memory.noteAttention(salience);
    picks = rehydrator.pick(words, salience, limit) ?? [];
    if (picks.length === 0) return picks;
    context.dropLive();
  }
  await memory.rehydrate(
    picks.map(({ sequence }) => sequence),
    options,
  );
  await context.read(questionTokens, { ...options, logits: 'last' });
  return picks;
}

function rehydrationOf({ sequence, why }: Pick): Rehydration {
  return { sequenceId: sequence.id, label: labelOf(sequence.text), tokens: sequence.tokens, why };
}

function described({ kind, path, languageId, startLine, text }: Attachment): StoredExchange['attachments'][number] {
  const breaks = text.split('\n').length - 1;
  const lines = Math.max(1, text.endsWith('\n') ? breaks : breaks + 1);
  return { kind, path, languageId, startLine, lines };
}
