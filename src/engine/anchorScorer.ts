import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { floats, openCpuSession, runCpuSession } from './cpuSession.ts';
import { checkScorer } from './graphSignature.ts';
import { hasScorer, scorerPath, type ModelPackage } from './modelPackage.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';

/**
 * The learned scorer of a package: how much answers are likely to take from a token, by its values in all layers. On the CPU,
 * whatever the decoder runs on: it is small.
 */
export class AnchorScorer {
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #config: DecoderConfig;
  /** Of its package, for errors. */
  readonly #name: string;

  private constructor(ort: OnnxRuntime, session: InferenceSession, { config, name }: ModelPackage) {
    this.#ort = ort;
    this.#session = session;
    this.#config = config;
    this.#name = name;
  }

  /**
   * @returns null where the package has none.
   * @throws AnchorageError `fileInvalid` when its graph is not one of ours.
   */
  static async open(ort: OnnxRuntime, pkg: ModelPackage): Promise<AnchorScorer | null> {
    if (!hasScorer(pkg)) return null;
    const session = await openCpuSession(ort, join(pkg.folder, scorerPath), 1, (opened) => {
      checkScorer(scorerPath, opened, pkg);
    });
    return new AnchorScorer(ort, session, pkg);
  }

  /**
   * @param rows [2 * layers, count, width] keys and values, as `AnchorCache.copyRows` has them.
   * @returns scores [count]
   */
  async scores(rows: Float32Array, count: number): Promise<Float64Array> {
    const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = this.#config;
    const feeds = { key_values: new this.#ort.Tensor('float32', rows, [2 * layers, count, kvHeads * headDim]) };
    return Float64Array.from(
      floats(await runCpuSession(this.#session, feeds, `The scorer of ${this.#name}`), 'scores'),
    );
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
