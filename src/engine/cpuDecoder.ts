import { join } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { AnchorageError } from '../protocol/errors.ts';
import { halfBits, halfTensor } from '../protocol/halfTensor.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import type { Run, RunResult } from './decoder.ts';
import { placeOf } from './fallbackStorage.ts';
import { floats, openCpuSession, runCpuSession } from './cpuSession.ts';
import { checkGraph, inputName, pastPrecision } from './graphSignature.ts';
import { KvArenas } from './kvArenas.ts';
import type { KvNumbers, KvPrecision } from './kvNumbers.ts';
import type { KvStorage } from './kvStorage.ts';
import { graphPath, type ModelPackage } from './modelPackage.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';
import { oldRows } from './runCut.ts';

/** Runs the "split" graph of a package on the CPU. Runs are synchronous inside and cannot be stopped. */
export class CpuDecoder {
  readonly #package: ModelPackage;
  readonly #variant: Variant;
  readonly #ort: OnnxRuntime;
  readonly #session: InferenceSession;
  readonly #precision: KvPrecision;

  private constructor(pkg: ModelPackage, variant: Variant, ort: OnnxRuntime, session: InferenceSession) {
    this.#package = pkg;
    this.#variant = variant;
    this.#ort = ort;
    this.#session = session;
    this.#precision = pastPrecision(session);
  }

  /** @throws AnchorageError `fileInvalid` when the graph is not one of ours. */
  static async open(ort: OnnxRuntime, pkg: ModelPackage, variant: Variant, threads: number): Promise<CpuDecoder> {
    const path = graphPath(variant);
    const session = await openCpuSession(ort, join(pkg.folder, path), threads, (opened) => {
      checkGraph(path, opened, pkg);
    });
    return new CpuDecoder(pkg, variant, ort, session);
  }

  createStorage(): KvStorage {
    return new KvArenas(this.#package.config, this.#precision);
  }

  async run({ cache, tokens, bias, logits, wantScores }: Run): Promise<RunResult> {
    const { Tensor } = this.#ort;
    const int64 = (values: readonly number[], dims: readonly number[]): Tensor =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const feeds: Record<string, Tensor> = {
      input_ids: int64(
        tokens.map((token) => token.id),
        [1, tokens.length],
      ),
      position_ids: int64(
        tokens.map((token) => token.position),
        [1, tokens.length],
      ),
      attention_bias: new Tensor('float32', bias.data, bias.dims),
      logit_indices: int64(logits, [logits.length]),
      want_scores: new Tensor('bool', [wantScores], [1]),
    };
    if (this.#package.anchors.scheme === 'mark') {
      const marks = Float32Array.from(tokens, (token) => (token.anchor ? 1 : 0));
      feeds['anchor_mark'] = new Tensor('float32', marks, [1, tokens.length]);
    }
    const { rows } = cache;
    const storage = placeOf(cache.storage);
    if (!(storage instanceof KvArenas) || storage.precision !== this.#precision) {
      throw new AnchorageError('internal', 'The CPU has no such rows.');
    }
    const old = oldRows(rows, tokens.length);
    const dims = (count: number): number[] => [count, cache.kvHeads, cache.headDim];
    for (let layer = 0; layer < cache.layers; layer++) {
      const values = storage.view(2 * layer + 1, rows);
      const cut = old * cache.width;
      feeds[inputName.pastKey(layer)] = this.#tensor(storage.view(2 * layer, rows), dims(Math.max(1, rows)));
      feeds[inputName.pastValue(layer)] = this.#tensor(values.subarray(0, cut), dims(old));
      feeds[inputName.recentValue(layer)] = this.#tensor(values.subarray(cut), dims(Math.max(1, rows) - old));
    }
    const results = await runCpuSession(this.#session, feeds, `The model ${this.#package.name} (${this.#variant})`);
    return {
      logits: floats(results, 'logits'),
      keyValues: this.#newRows(results),
      scores: wantScores ? floats(results, 'attention_scores') : new Float32Array(0),
    };
  }

  #tensor(numbers: KvNumbers, dims: readonly number[]): Tensor {
    if (numbers instanceof Uint16Array) return halfTensor(this.#ort, numbers, dims);
    return new this.#ort.Tensor('float32', numbers, dims);
  }

  #newRows(results: InferenceSession.OnnxValueMapType): KvNumbers {
    if (this.#precision === 'float32') return floats(results, 'new_key_values');
    const value = results['new_key_values'];
    return halfBits(value !== undefined && 'data' in value ? value.data : undefined);
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
