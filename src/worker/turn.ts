import { randomUUID } from 'node:crypto';
import { AnchorageError } from '../protocol/errors.ts';
import type { Sampling } from '../protocol/sampling.ts';
import type { Attachment, Exchange, Task } from '../protocol/worker.ts';
import type { SessionMemory } from '../memory/sessionMemory.ts';
import type { Model } from './model.ts';
import { checkRoom, planTurn } from './turnPlan.ts';

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

/**
 * Answers one question in a session: brings the session's sequences into the context, seals the chunks of what is
 * attached, reads the question whole, and answers. The exchange then stays live until it is sealed.
 *
 * An answer that is cancelled after its first words is kept; a turn that is cancelled before, or fails, leaves the
 * session as it was.
 *
 * @throws AnchorageError
 */
export async function runTurn(
  model: Model,
  memory: SessionMemory,
  request: TurnRequest,
  listener: TurnListener,
  signal: AbortSignal,
): Promise<Exchange> {
  const { context } = memory;
  const plan = planTurn(model, request);
  const unplaced = memory.unplacedTokens;
  const isRestored = context.textTokens === 0 && unplaced > 0;
  await memory.settle({
    signal,
    onProgress: (done) =>
      listener.onProgress(isRestored ? 'restore' : 'read', done, unplaced + (isRestored ? 0 : plan.tokens)),
  });
  const offset = isRestored ? 0 : unplaced;
  const onRead = (done: number): void => listener.onProgress('read', offset + done, offset + plan.tokens);
  const before = memory.sequences.length;
  try {
    await context.readPinned(signal);
    const { room, pinned } = context;
    checkRoom(model, plan, { room, prefix: pinned.length, answerTokens: request.sampling.maxTokens });
    const begin = performance.now();
    let done = 0;
    onRead(0);
    for (const chunk of plan.chunks) {
      await memory.addChunk(randomUUID(), chunk, { signal, onProgress: (tokens) => onRead(done + tokens) });
      done += model.encode(chunk).length;
      onRead(done);
    }
    await context.read(plan.questionTokens, { logits: 'last', signal, onProgress: (tokens) => onRead(done + tokens) });
    const prefillMs = performance.now() - begin;
    const held = { kvRows: context.rows, kvRowsFull: context.rowsFull };
    const answer = await context.generate(request.sampling, { signal, onToken: (text) => listener.onToken(text) });
    if (answer.stopReason === 'cancelled' && answer.text === '') {
      throw new AnchorageError('cancelled', 'The question was cancelled before its answer began.');
    }
    const { text, tokens, stopReason, times } = answer;
    memory.addExchange(randomUUID(), { kind: 'exchange', question: plan.question, answer: text });
    return {
      id: randomUUID(),
      question: request.question,
      answer: text,
      attachments: request.attachments.map(({ text: attached, ...rest }) => ({ ...rest, lines: lineCount(attached) })),
      stopReason,
      usage: { promptTokens: plan.tokens, answerTokens: tokens.length, ...held, prefillMs, decodeMs: times.decodeMs },
    };
  } catch (error) {
    memory.rollBack(before);
    throw error;
  }
}

function lineCount(text: string): number {
  const breaks = text.split('\n').length - 1;
  return Math.max(1, text.endsWith('\n') ? breaks : breaks + 1);
}
