import type { Sampling } from '../protocol/sampling.ts';
import type { StopReason } from '../protocol/worker.ts';
import type { ModelPackage } from './modelPackage.ts';
import { Sampler } from './sampling.ts';
import { StopStrings } from './stopStrings.ts';

/** An answer. */
export interface Generation {
  readonly text: string;
  /** Every token drawn but the one that ended the answer. */
  readonly tokens: readonly number[];
  readonly stopReason: StopReason;
  /** Milliseconds from the call to the first token drawn, and to the end. */
  readonly times: { readonly firstTokenMs: number; readonly decodeMs: number };
}

export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Text as it becomes certain: whole characters, and nothing of a stop string. */
  readonly onToken?: ((text: string) => void) | undefined;
  /** Tokens of texts that the answer may repeat: the question, and what was attached or read again for it. */
  readonly texts?: readonly (readonly number[])[] | undefined;
  /** Whether tokens are read ahead where the answer repeats a text (true); what is answered is the same. */
  readonly speculate?: boolean | undefined;
}

/** What generation needs of a context. */
export interface Continuation {
  readonly package: ModelPackage;
  /** Logits for the first token. */
  readonly logits: Float32Array;
  readonly steps: Steps;
}

/** Reads the tokens of an answer one by one. */
export interface Steps {
  /** Tokens that there is room for after those drawn. */
  room(): number;
  /**
   * Reads the token drawn and gives the logits for the next.
   *
   * @param left tokens that will be drawn after it at most.
   */
  feed(id: number, left: number): Promise<Float32Array>;
  /** Forgets what was read ahead. */
  settle(): void;
}

/** Draws tokens until the model, a stop string, a limit or the user ends the answer. */
export async function generate(from: Continuation, sampling: Sampling, options: GenerateOptions): Promise<Generation> {
  try {
    return await draw(from, sampling, options);
  } finally {
    from.steps.settle();
  }
}

async function draw(from: Continuation, sampling: Sampling, options: GenerateOptions): Promise<Generation> {
  const begin = performance.now();
  const { tokenizer } = from.package;
  const sampler = new Sampler(sampling, (id) => tokenizer.decode([id]));
  const stream = tokenizer.decodeStream();
  const stops = new StopStrings(sampling.stop);
  const tokens: number[] = [];
  let text = '';
  let firstTokenMs = 0;
  const emit = (part: string): void => {
    if (part === '') return;
    text += part;
    options.onToken?.(part);
  };
  const finish = (stopReason: StopReason): Generation => {
    if (stopReason !== 'stopString') {
      const rest = stops.push(stream.flush());
      emit(rest.stopped ? rest.text : rest.text + stops.flush());
    }
    return { text, tokens, stopReason, times: { firstTokenMs, decodeMs: performance.now() - begin } };
  };

  let logits = from.logits;
  for (;;) {
    if (options.signal?.aborted === true) return finish('cancelled');
    const id = sampler.next(logits);
    if (tokens.length === 0) firstTokenMs = performance.now() - begin;
    if (from.package.endIds.has(id)) return finish('endOfText');
    tokens.push(id);
    const { text: certain, stopped } = stops.push(stream.push(id));
    emit(certain);
    if (stopped) return finish('stopString');
    if (tokens.length >= sampling.maxTokens) return finish('maxTokens');
    if (from.steps.room() <= 1) return finish('contextFull');
    logits = await from.steps.feed(id, sampling.maxTokens - tokens.length);
  }
}
