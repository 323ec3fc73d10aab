import type { InferenceSession } from 'onnxruntime-node';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const { InferenceSession: Sessions, Tensor } = await import('onnxruntime-node');

export interface GraphRun {
  readonly logits: Float32Array;
  readonly rows: Float32Array;
  readonly scores: Float32Array;
  readonly scoresShape: readonly number[];
}

/** Runs a converted graph with every input in the caller's hands. */
export class SplitGraph {
  readonly #session: InferenceSession;
  readonly #config: DecoderConfig;

  private constructor(session: InferenceSession, config: DecoderConfig) {
    this.#session = session;
    this.#config = config;
  }

  static async open(path: string, config: DecoderConfig): Promise<SplitGraph> {
    return new SplitGraph(await Sessions.create(path), config);
  }

  /**
   * Reads `ids` causally after `past` rows (as `rows` of an earlier run gives them, for `pastTokens` tokens).
   *
   * @param marks per token, for graphs with `anchor_mark`.
   */
  async run(
    ids: readonly number[],
    options: {
      past?: Float32Array;
      pastTokens?: number;
      marks?: readonly number[];
      asked?: readonly number[];
      scores?: boolean;
    } = {},
  ): Promise<GraphRun> {
    const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = this.#config;
    const { past = new Float32Array(), pastTokens = 0, asked = [...ids.keys()], scores = false } = options;
    const row = kvHeads * headDim;
    const pastRows = Math.max(1, pastTokens);
    const width = pastRows + ids.length;
    const bias = Float32Array.from({ length: ids.length * width }, (_, i) => {
      const key = i % width;
      return key < pastRows ? (pastTokens > 0 ? 0 : -1e9) : key - pastRows <= Math.floor(i / width) ? 0 : -1e9;
    });
    const int64 = (values: readonly number[], shape: number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), shape);
    const feeds: Record<string, InstanceType<typeof Tensor>> = {
      input_ids: int64(ids, [1, ids.length]),
      position_ids: int64(
        ids.map((_, i) => pastTokens + i),
        [1, ids.length],
      ),
      attention_bias: new Tensor('float32', bias, [ids.length, width]),
      logit_indices: int64(asked, [asked.length]),
      want_scores: new Tensor('bool', Uint8Array.of(scores ? 1 : 0), [1]),
      ...(options.marks && { anchor_mark: new Tensor('float32', Float32Array.from(options.marks), [1, ids.length]) }),
    };
    for (let layer = 0; layer < layers; layer++) {
      for (const [part, name] of ['past_key', 'past_value'].entries()) {
        const start = (2 * layer + part) * pastTokens * row;
        const rows = pastTokens > 0 ? past.subarray(start, start + pastTokens * row) : new Float32Array(row);
        feeds[`${name}.${layer}`] = new Tensor('float32', rows, [pastRows, kvHeads, headDim]);
      }
      feeds[`recent_value.${layer}`] = new Tensor('float32', new Float32Array(), [0, kvHeads, headDim]);
    }
    const results = await this.#session.run(feeds);
    return {
      logits: floats(results, 'logits'),
      rows: floats(results, 'new_key_values'),
      scores: floats(results, 'attention_scores'),
      scoresShape: results['attention_scores']?.dims ?? [],
    };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function floats(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = results[name]?.data;
  if (!(data instanceof Float32Array)) throw new TypeError(`${name} is missing`);
  return data;
}
