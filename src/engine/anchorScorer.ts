import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { cpuSessionOptions } from './cpuSession.ts';
import { checkScorer } from './graphSignature.ts';
import { hasScorer, scorerPath, type ModelPackage } from './modelPackage.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';

/**
 * The learned scorer of a package: how much attention answers are likely to pay to a token, by its values in all layers. On the CPU,
 * whatever the decoder runs on: it is small.
 */
export class AnchorScorer {
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #config: DecoderConfig;

  private constructor(ort: OnnxRuntime, session: InferenceSession, config: DecoderConfig) {
    this.#ort = ort;
    this.#session = session;
    this.#config = config;
  }

  /**
   * @returns null where the package has none.
   * @throws AnchorageError `fileInvalid` when its graph is not one of ours.
   */
  static async open(ort: OnnxRuntime, pkg: ModelPackage): Promise<AnchorScorer | null> {
    if (!hasScorer(pkg)) return null;
    let session: InferenceSession;
    try {
      session = await ort.InferenceSession.create(join(pkg.folder, scorerPath), cpuSessionOptions(1));
    } catch (error) {
      throw new AnchorageError(
        'fileInvalid',
        `${scorerPath} cannot be loaded: ${messageOf(error)}`,
        'Build or download the package again.',
        { cause: error },
      );
    }
    try {
      checkScorer(scorerPath, session, pkg);
    } catch (error) {
      await session.release();
      throw error;
    }
    return new AnchorScorer(ort, session, pkg.config);
  }

  /**
   * @param rows [2 * layers, count, width] keys and values, as `AnchorCache.copyRows` has them.
   * @returns scores [count]
   */
  async scores(rows: Float32Array, count: number): Promise<Float64Array> {
    const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = this.#config;
    const feeds = { key_values: new this.#ort.Tensor('float32', rows, [2 * layers, count, kvHeads * headDim]) };
    const { scores } = await this.#session.run(feeds);
    if (scores === undefined || !('data' in scores) || !(scores.data instanceof Float32Array)) {
      throw new AnchorageError('internal', `${scorerPath} gave no scores.`);
    }
    return Float64Array.from(scores.data);
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
