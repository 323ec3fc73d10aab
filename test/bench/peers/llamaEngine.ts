import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { timedAnswer, type BenchEngine, type TimedAnswer } from './benchEngine.ts';

/** The part of node-llama-cpp's interface that is used. */
interface LlamaSequence {
  readonly nextTokenIndex: number;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  controlledEvaluate(
    input: readonly (number | readonly [number, object])[],
  ): Promise<readonly ({ readonly next: { readonly token?: number | null } } | undefined)[]>;
  eraseContextTokenRanges(ranges: readonly { readonly start: number; readonly end: number }[]): Promise<void>;
  saveStateToFile(path: string): Promise<unknown>;
  loadStateFromFile(path: string, acceptRisk: { readonly acceptRisk: true }): Promise<void>;
}
interface LlamaContext {
  readonly contextSize: number;
  getSequence(): LlamaSequence;
}
interface LlamaModel {
  createContext(options: object): Promise<LlamaContext>;
}
interface Llama {
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModel>;
}

const moduleSchema = z.object({
  getLlama: z.custom<(options: object) => Promise<Llama>>((value) => typeof value === 'function'),
});

export interface LlamaOptions {
  /** The package's entry point. */
  readonly entry: string;
  readonly modelPath: string;
  readonly threads: number;
  readonly contextSize: number;
  /** Of keys and values of one token, in the half precision that llama.cpp keeps them in. */
  readonly bytesPerRow: number;
}

const greedy = { generateNext: { token: true, options: { temperature: 0 } } };

/** llama.cpp by node-llama-cpp, on the CPU, with its own defaults for the rest. */
export class LlamaEngine implements BenchEngine {
  readonly #sequence: LlamaSequence;
  readonly #context: LlamaContext;
  readonly #bytesPerRow: number;
  #filler: readonly number[] = [];

  private constructor(context: LlamaContext, bytesPerRow: number) {
    this.#context = context;
    this.#sequence = context.getSequence();
    this.#bytesPerRow = bytesPerRow;
  }

  static async create({ entry, modelPath, threads, contextSize, bytesPerRow }: LlamaOptions): Promise<LlamaEngine> {
    const { getLlama } = moduleSchema.parse(await import(pathToFileURL(entry).href));
    const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads });
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ contextSize, threads: { ideal: threads, min: threads } });
    return new LlamaEngine(context, bytesPerRow);
  }

  /**
   * Reads tokens until there is no room for another one, now and before every question: so that the context is shifted
   * for each.
   */
  async fill(tokens: readonly number[]): Promise<void> {
    this.#filler = tokens;
    const free = this.#context.contextSize - 1 - this.#sequence.nextTokenIndex;
    if (free > 0) await this.hold(tokens.slice(0, free));
  }

  async hold(exchange: readonly number[]): Promise<void> {
    await this.#sequence.evaluateWithoutGeneratingNewTokens(exchange);
  }

  async answer(question: readonly number[], answer: readonly number[]): Promise<TimedAnswer> {
    if (this.#filler.length > 0) await this.fill(this.#filler);
    const held = this.#sequence.nextTokenIndex;
    const timed = await timedAnswer(question, answer, async (tokens) => {
      const last = tokens.at(-1) ?? 0;
      const results = await this.#sequence.controlledEvaluate([...tokens.slice(0, -1), [last, greedy]]);
      return results.at(-1)?.next.token ?? NaN;
    });
    const end = this.#sequence.nextTokenIndex;
    // Less than before: the context was shifted meanwhile.
    if (end > held) await this.#sequence.eraseContextTokenRanges([{ start: held, end }]);
    return timed;
  }

  keysValues(): { rows: number; bytes: number; reservedBytes: number } {
    const rows = this.#sequence.nextTokenIndex;
    const { contextSize } = this.#context;
    return { rows, bytes: rows * this.#bytesPerRow, reservedBytes: contextSize * this.#bytesPerRow };
  }

  readonly save = async (path: string): Promise<void> => {
    await this.#sequence.saveStateToFile(path);
  };

  async restore(path: string): Promise<void> {
    await this.#sequence.loadStateFromFile(path, { acceptRisk: true });
  }
}
