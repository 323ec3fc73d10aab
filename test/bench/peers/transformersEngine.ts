import { dirname, basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { indexOfLargest } from '../../../src/engine/sampling.ts';
import { timedAnswer, type BenchEngine, type TimedAnswer } from './benchEngine.ts';

/** The part of the interface of transformers.js that is used. */
interface Tensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
}
type TensorConstructor = new (type: string, data: BigInt64Array, dims: readonly number[]) => Tensor;
type Forward = (inputs: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, Tensor>>>;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const moduleSchema = z.object({
  AutoModelForCausalLM: z.custom<{ from_pretrained(name: string, options: object): Promise<{ forward: Forward }> }>(
    isFunction,
  ),
  Tensor: z.custom<TensorConstructor>(isFunction),
  DynamicCache: z.custom<new (entries: Readonly<Record<string, Tensor>>) => object>(isFunction),
  env: z.custom<{ allowRemoteModels: boolean; localModelPath: string }>((value) => typeof value === 'object'),
});

/** Tokens read at a time: the memory that a reading takes grows with their square. */
const groupTokens = 512;

/** transformers.js on onnxruntime's CPU provider; the past goes from run to run as its `past_key_values`. */
export class TransformersEngine implements BenchEngine {
  /** What it computes can not be written and read again. */
  readonly save = null;
  readonly #forward: Forward;
  readonly #library: z.infer<typeof moduleSchema>;
  #past: Readonly<Record<string, Tensor>> = {};
  #rows = 0;

  private constructor(library: z.infer<typeof moduleSchema>, forward: Forward) {
    this.#library = library;
    this.#forward = forward;
  }

  static async create(entry: string, modelFolder: string, threads: number): Promise<TransformersEngine> {
    const library = moduleSchema.parse(await import(pathToFileURL(entry).href));
    library.env.allowRemoteModels = false;
    library.env.localModelPath = dirname(modelFolder);
    const model = await library.AutoModelForCausalLM.from_pretrained(basename(modelFolder), {
      dtype: 'q4',
      device: 'cpu',
      use_external_data_format: true,
      local_files_only: true,
      session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
    });
    return new TransformersEngine(library, (inputs) => model.forward(inputs));
  }

  async hold(exchange: readonly number[]): Promise<void> {
    await this.#read(exchange);
  }

  async answer(question: readonly number[], answer: readonly number[]): Promise<TimedAnswer> {
    const [past, rows] = [this.#past, this.#rows];
    const timed = await timedAnswer(question, answer, (tokens) => this.#read(tokens));
    [this.#past, this.#rows] = [past, rows];
    return timed;
  }

  keysValues(): { rows: number; bytes: number; reservedBytes: number } {
    const bytes = Object.values(this.#past).reduce((sum, { data }) => sum + 4 * data.length, 0);
    return { rows: this.#rows, bytes, reservedBytes: bytes };
  }

  /** The likeliest next token. */
  async #read(tokens: readonly number[]): Promise<number> {
    let next = NaN;
    for (let from = 0; from < tokens.length; from += groupTokens) {
      next = await this.#run(tokens.slice(from, from + groupTokens));
    }
    return next;
  }

  async #run(tokens: readonly number[]): Promise<number> {
    const { Tensor: TensorOf, DynamicCache } = this.#library;
    const row = (count: number, value: (i: number) => number): Tensor =>
      new TensorOf(
        'int64',
        BigInt64Array.from({ length: count }, (_, i) => BigInt(value(i))),
        [1, count],
      );
    const outputs = await this.#forward({
      input_ids: row(tokens.length, (i) => tokens[i] ?? 0),
      attention_mask: row(this.#rows + tokens.length, () => 1),
      position_ids: row(tokens.length, (i) => this.#rows + i),
      num_logits_to_keep: new TensorOf('int64', BigInt64Array.of(1n), []),
      past_key_values: this.#rows === 0 ? null : new DynamicCache(this.#past),
    });
    this.#rows += tokens.length;
    this.#past = Object.fromEntries(
      Object.entries(outputs).flatMap(([name, tensor]) =>
        name.startsWith('present.') ? [[name.replace('present', 'past_key_values'), tensor]] : [],
      ),
    );
    const { logits } = outputs;
    if (!(logits?.data instanceof Float32Array)) throw new Error('transformers.js gave no logits.');
    return indexOfLargest(logits.data);
  }
}
