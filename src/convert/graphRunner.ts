import type { InferenceSession } from 'onnxruntime-node';
import type * as onnxruntime from 'onnxruntime-node';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { halfBits, halfTensor } from '../protocol/halfTensor.ts';
import type { DecoderWeights } from './decoderWeights.ts';

type Runtime = typeof onnxruntime;

const masked = -1e9;

/** What a run gives: logits `[S, V]` and the new keys and values `[2L, S, K * d]` (numbers, or bits of half precision) of its S tokens. */
export interface RunResult {
  readonly logits: Float32Array;
  readonly rows: Float32Array | Uint16Array;
  readonly tokens: number;
}

export interface FetchedTensor {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Runs a "split" graph on plain causal text, for the converter's own check: the engine does this properly. */
export class GraphRunner {
  readonly #runtime: Runtime;
  readonly #session: InferenceSession;
  readonly #weights: DecoderWeights;

  private constructor(runtime: Runtime, session: InferenceSession, weights: DecoderWeights) {
    this.#runtime = runtime;
    this.#session = session;
    this.#weights = weights;
  }

  static async open(path: string, weights: DecoderWeights): Promise<GraphRunner> {
    // The runtime phones home unless told otherwise before it is loaded.
    process.env['ORT_DISABLE_TELEMETRY'] = '1';
    const runtime = await import('onnxruntime-node');
    try {
      return new GraphRunner(runtime, await runtime.InferenceSession.create(path), weights);
    } catch (error) {
      throw new AnchorageError(
        'internal',
        `The graph ${path} cannot be loaded: ${messageOf(error)}.`,
        'Report the decoder.',
        { cause: error },
      );
    }
  }

  /**
   * Reads `ids` after `past` (its tokens stand at positions 0 …), and gives the logits of every one of them.
   *
   * @param marked of the scheme mark: whether the token at a position is marked as an anchor; by default none is.
   */
  async run(
    ids: readonly number[],
    past: RunResult | null,
    marked: (position: number) => boolean = () => false,
  ): Promise<RunResult> {
    const results = await this.#session.run(this.#feeds(ids, past, [...ids.keys()], marked));
    const rows = this.#isHalf ? halfBits(results['new_key_values']?.data) : floats(results, 'new_key_values');
    return { logits: floats(results, 'logits'), rows, tokens: ids.length };
  }

  /** Reads `ids`, and gives the outputs whose names begin with `prefix`. */
  async fetch(ids: readonly number[], prefix: string): Promise<Map<string, FetchedTensor>> {
    const names = this.#session.outputNames.filter((name) => name.startsWith(prefix));
    const results = await this.#session.run(
      this.#feeds(ids, null, [0], () => false),
      names,
    );
    return new Map(names.map((name) => [name, { values: floats(results, name), shape: results[name]?.dims ?? [] }]));
  }

  #feeds(
    ids: readonly number[],
    past: RunResult | null,
    asked: readonly number[],
    marked: (position: number) => boolean,
  ): Record<string, InstanceType<Runtime['Tensor']>> {
    const { Tensor } = this.#runtime;
    const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = this.#weights.config;
    const tokens = ids.length;
    const before = past?.tokens ?? 0;
    const row = kvHeads * headDim;
    // The runtime's product dies on an empty past: one row of zeros stands there, masked.
    const pastRows = Math.max(before, 1);
    const width = pastRows + tokens;
    const bias = new Float32Array(tokens * width);
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < width; j++)
        bias[i * width + j] = (j < pastRows ? before > 0 : j - pastRows <= i) ? 0 : masked;
    }
    const int64 = (values: readonly number[], shape: number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), shape);
    const feeds: Record<string, InstanceType<Runtime['Tensor']>> = {
      input_ids: int64(ids, [1, tokens]),
      position_ids: int64(
        ids.map((_, i) => before + i),
        [1, tokens],
      ),
      logit_indices: int64(asked, [asked.length]),
      attention_bias: new Tensor('float32', bias, [tokens, width]),
      want_scores: new Tensor('bool', Uint8Array.of(0), [1]),
    };
    if (this.#weights.anchors.kind === 'mark') {
      const marks = Float32Array.from(ids, (_, i) => Number(marked(before + i)));
      feeds['anchor_mark'] = new Tensor('float32', marks, [1, tokens]);
    }
    for (let layer = 0; layer < layers; layer++) {
      for (const [part, name] of ['past_key', 'past_value'].entries()) {
        const start = (2 * layer + part) * before * row;
        const rows = past?.rows.subarray(start, start + before * row) ?? this.#zeros(row);
        feeds[`${name}.${layer}`] = this.#tensor(rows, [pastRows, kvHeads, headDim]);
      }
      feeds[`recent_value.${layer}`] = this.#tensor(this.#zeros(0), [0, kvHeads, headDim]);
    }
    return feeds;
  }

  get #isHalf(): boolean {
    return this.#session.inputMetadata.some((input) => {
      return input.name === 'past_key.0' && input.isTensor && input.type === 'float16';
    });
  }

  #tensor(rows: Float32Array | Uint16Array, shape: readonly number[]): InstanceType<Runtime['Tensor']> {
    if (rows instanceof Uint16Array) return halfTensor(this.#runtime, rows, shape);
    return new this.#runtime.Tensor('float32', rows, shape);
  }

  #zeros(length: number): Float32Array | Uint16Array {
    return this.#isHalf ? new Uint16Array(length) : new Float32Array(length);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function floats(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = results[name]?.data;
  if (!(data instanceof Float32Array))
    throw new AnchorageError('internal', `The graph gives no ${name}.`, 'Report the decoder.');
  return data;
}
